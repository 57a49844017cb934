package region_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/aws/region"
)

func TestPartitions(t *testing.T) {
	var table region.Table
	tests := []struct {
		partition, home string
		regions         int
	}{
		{"aws", "us-east-1", 34},
		{"aws-cn", "cn-northwest-1", 2},
		{"aws-us-gov", "us-gov-west-1", 2},
		{"aws-eusc", "eusc-de-east-1", 1},
		{"aws-iso", "us-iso-east-1", 2},
		{"aws-iso-b", "us-isob-east-1", 2},
		{"aws-iso-e", "eu-isoe-west-1", 1},
		{"aws-iso-f", "us-isof-south-1", 2},
	}
	var names []string
	for _, test := range tests {
		names = append(names, test.partition)
		t.Run(test.partition, func(t *testing.T) {
			regions := table.Regions(test.partition)
			if len(regions) != test.regions {
				t.Errorf("%d Regions, want %d", len(regions), test.regions)
			}
			if !slices.IsSortedFunc(regions, func(a, b region.Region) int { return strings.Compare(a.Name, b.Name) }) {
				t.Errorf("not sorted: %v", regions)
			}
			if home := table.Default(test.partition); home != test.home || table.Partition(home) != test.partition {
				t.Errorf("default Region %q of partition %q, want %q", home, table.Partition(home), test.home)
			}
			for _, r := range regions {
				got, ok := table.Region(r.Name)
				if !ok || got != r {
					t.Errorf("Region(%q) = %v, %v, want %v", r.Name, got, ok, r)
				}
				if !region.HasShape(r.Name) {
					t.Errorf("%q does not have the shape of a Region", r.Name)
				}
				if guessed, err := region.ParseTable([]byte(r.Name)); err != nil || len(guessed.Regions(test.partition)) != test.regions {
					t.Errorf("the prefix of %q does not tell its partition: %v", r.Name, err)
				}
			}
		})
	}
	if diff := cmp.Diff(names, table.Partitions()); diff != "" {
		t.Errorf("Partitions (-want +got):\n%s", diff)
	}
	if table.Default("aws-moon") != "" || table.Regions("aws-moon") != nil {
		t.Error("an unknown partition has a Region")
	}
}

func TestRegion(t *testing.T) {
	var table region.Table
	tests := []struct {
		in   string
		want region.Region
	}{
		{"eu-west-1", region.Region{Name: "eu-west-1", Partition: "aws"}},
		{" EU-West-1\n", region.Region{Name: "eu-west-1", Partition: "aws"}},
		{"af-south-1", region.Region{Name: "af-south-1", Partition: "aws", OptIn: true}},
		{"us-west-2", region.Region{Name: "us-west-2", Partition: "aws"}},
		{"cn-north-1", region.Region{Name: "cn-north-1", Partition: "aws-cn"}},
		{"eu-west-2r", region.Region{}},
		{"eu-prod-1", region.Region{}},
		{"aws-global", region.Region{}},
		{"global", region.Region{}},
		{"", region.Region{}},
	}
	for _, test := range tests {
		got, ok := table.Region(test.in)
		if got != test.want || ok != (test.want.Name != "") || table.Known(test.in) != ok {
			t.Errorf("Region(%q) = %+v, %v, want %+v", test.in, got, ok, test.want)
		}
	}
}

func TestParseTable(t *testing.T) {
	file := "\ufeff# our additions\r\n\r\naws ap-newland-9 # announced\r\nCN-Far-1\neu-west-1\nus-isof-moon-2\naws-eusc eusc-fr-west-1\nap-newland-9\n"
	table, err := region.ParseTable([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]region.Region{
		"ap-newland-9":   {Name: "ap-newland-9", Partition: "aws", OptIn: true},
		"cn-far-1":       {Name: "cn-far-1", Partition: "aws-cn"},
		"us-isof-moon-2": {Name: "us-isof-moon-2", Partition: "aws-iso-f"},
		"eusc-fr-west-1": {Name: "eusc-fr-west-1", Partition: "aws-eusc"},
		"eu-west-1":      {Name: "eu-west-1", Partition: "aws"},
	}
	for name, r := range want {
		if got, _ := table.Region(name); got != r {
			t.Errorf("Region(%q) = %+v, want %+v", name, got, r)
		}
		if n := len(slices.DeleteFunc(table.Regions(r.Partition), func(x region.Region) bool { return x != r })); n != 1 {
			t.Errorf("%q is listed %d times", name, n)
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"shape", "eu-west-1\nnonsense\n", `read regions line 2 "nonsense": "nonsense" is not shaped like a Region`},
		{"pseudo", "aws aws-global", `read regions line 1 "aws aws-global": "aws-global" is not shaped like a Region`},
		{"partition", "aws-moon eu-west-9", `read regions line 1 "aws-moon eu-west-9": unknown partition "aws-moon": want one of ` +
			`aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f`},
		{"fields", "#\n\naws eu-west-9 yes # no", `read regions line 3 "aws eu-west-9 yes # no": want PARTITION REGION, or REGION alone`},
		{"conflict", "aws-cn us-east-1", `read regions line 1 "aws-cn us-east-1": region "us-east-1" is in partition aws already`},
		{"added twice", "ap-newland-9\naws-cn ap-newland-9", `read regions line 2 "aws-cn ap-newland-9": region "ap-newland-9" is in partition aws already`},
		{"unknown iso", "us-isoq-east-1", `read regions line 1 "us-isoq-east-1": the partition of "us-isoq-east-1" is not known: write it in front`},
		{"control characters", "\x1b[31m", `read regions line 1 "\x1b[31m": "\x1b[31m" is not shaped like a Region`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := region.ParseTable([]byte(test.file))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte("aws ap-newland-9\n# comment\ncn-far-1"))
	f.Add([]byte("\ufeffeu-west-1 us-east-1 x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := region.ParseTable(data)
		if err != nil {
			if diff := cmp.Diff(region.Table{}.Regions("aws"), table.Regions("aws")); diff != "" {
				t.Errorf("an error left additions behind:\n%s", diff)
			}
			return
		}
		for _, p := range table.Partitions() {
			seen := ""
			for _, r := range table.Regions(p) {
				if got, ok := table.Region(r.Name); !ok || got != r || !region.HasShape(r.Name) || r.Name <= seen {
					t.Errorf("%+v: found as %+v, %v, after %q", r, got, ok, seen)
				}
				seen = r.Name
			}
		}
	})
}
