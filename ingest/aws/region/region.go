// Package region knows the partitions of AWS and their Regions. In comes the
// name of a Region or a partition, and optionally a file with more Regions. Out
// comes which partition a Region belongs to, which Regions a partition has, and
// which of them is its default. The package must not do I/O, use a network, read
// a clock or import another package of this module: it is a table and the rules
// that read it.
package region

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// AWS is the name of the commercial partition. Sign-in records have been
// published for this partition only.
const AWS = "aws"

// GovCloud is the name of the partition in which the root user cannot sign in to
// the console.
const GovCloud = "aws-us-gov"

// Region is one entry of the table.
type Region struct {
	Name      string // as CloudTrail writes it: "eu-west-1"
	Partition string // "aws", "aws-cn", …
	OptIn     bool   // an account may be without it; false: introduced before 20 March 2019, or in a partition without opt-in
}

// partition is a group of Regions with its own accounts and domains.
type partition struct {
	name   string
	home   string // the default Region: records without a Region are stored there
	prefix string // of the names of its Regions; empty for the commercial partition
}

// The default Regions are the implicit global Regions of the AWS SDK.
var partitions = [...]partition{
	{name: AWS, home: "us-east-1"},
	{name: "aws-cn", home: "cn-northwest-1", prefix: "cn-"},
	{name: GovCloud, home: "us-gov-west-1", prefix: "us-gov-"},
	{name: "aws-eusc", home: "eusc-de-east-1", prefix: "eusc-"},
	{name: "aws-iso", home: "us-iso-east-1", prefix: "us-iso-"},
	{name: "aws-iso-b", home: "us-isob-east-1", prefix: "us-isob-"},
	{name: "aws-iso-e", home: "eu-isoe-west-1", prefix: "eu-isoe-"},
	{name: "aws-iso-f", home: "us-isof-south-1", prefix: "us-isof-"},
}

// regions is sorted by name, because findIndex searches it by halves. The pseudo
// Regions of the SDK, such as "aws-global", are not Regions and are left out.
var regions = [...]Region{
	{"af-south-1", AWS, true},
	{"ap-east-1", AWS, true},
	{"ap-east-2", AWS, true},
	{"ap-northeast-1", AWS, false},
	{"ap-northeast-2", AWS, false},
	{"ap-northeast-3", AWS, false},
	{"ap-south-1", AWS, false},
	{"ap-south-2", AWS, true},
	{"ap-southeast-1", AWS, false},
	{"ap-southeast-2", AWS, false},
	{"ap-southeast-3", AWS, true},
	{"ap-southeast-4", AWS, true},
	{"ap-southeast-5", AWS, true},
	{"ap-southeast-6", AWS, true},
	{"ap-southeast-7", AWS, true},
	{"ca-central-1", AWS, false},
	{"ca-west-1", AWS, true},
	{"cn-north-1", "aws-cn", false},
	{"cn-northwest-1", "aws-cn", false},
	{"eu-central-1", AWS, false},
	{"eu-central-2", AWS, true},
	{"eu-isoe-west-1", "aws-iso-e", false},
	{"eu-north-1", AWS, false},
	{"eu-south-1", AWS, true},
	{"eu-south-2", AWS, true},
	{"eu-west-1", AWS, false},
	{"eu-west-2", AWS, false},
	{"eu-west-3", AWS, false},
	{"eusc-de-east-1", "aws-eusc", false},
	{"il-central-1", AWS, true},
	{"me-central-1", AWS, true},
	{"me-south-1", AWS, true},
	{"mx-central-1", AWS, true},
	{"sa-east-1", AWS, false},
	{"us-east-1", AWS, false},
	{"us-east-2", AWS, false},
	{"us-gov-east-1", "aws-us-gov", false},
	{"us-gov-west-1", "aws-us-gov", false},
	{"us-iso-east-1", "aws-iso", false},
	{"us-iso-west-1", "aws-iso", false},
	{"us-isob-east-1", "aws-iso-b", false},
	{"us-isob-west-1", "aws-iso-b", false},
	{"us-isof-east-1", "aws-iso-f", false},
	{"us-isof-south-1", "aws-iso-f", false},
	{"us-west-1", AWS, false},
	{"us-west-2", AWS, false},
}

// Table is the list of Regions by partition. The zero Table is the built-in
// list. ParseTable makes a Table with more Regions. A Table never changes, so it
// may be copied and used by several goroutines.
type Table struct {
	added []Region // sorted by name; regions has none of them
}

// ParseTable reads a regions file, which adds Regions to the built-in list. A
// line is either "PARTITION REGION" or "REGION" alone. If the partition is not
// given, the prefix of the Region's name decides. Text after a # is a comment. A
// Region that is already known is accepted if its partition is the same. An added
// Region of the commercial partition counts as opt-in, because every Region since
// March 2019 is. The error describes the first bad line, with its number and its
// text.
func ParseTable(data []byte) (Table, error) {
	var t Table
	number := 0
	for raw := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		number++
		text, _, _ := strings.Cut(string(raw), "#")
		fields := strings.Fields(ToLower(text))
		if len(fields) == 0 {
			continue
		}
		if err := t.addRegion(fields); err != nil {
			return Table{}, fmt.Errorf("read regions line %d %.120q: %w", number, bytes.TrimSpace(raw), err)
		}
	}
	return t, nil
}

// addRegion adds the Region of one line, which is given as its words. A Region that
// is known with the same partition is not added again. A line that is not of the
// form, or contradicts the table, is an error.
func (t *Table) addRegion(fields []string) error {
	name := fields[len(fields)-1]
	r := Region{Name: name}
	switch {
	case len(fields) > 2:
		return errors.New("want PARTITION REGION, or REGION alone")
	case !HasShape(name):
		return fmt.Errorf("%.120q is not shaped like a Region", name)
	case len(fields) == 2:
		if p := findPartition(fields[0]); p == nil {
			return fmt.Errorf("unknown partition %.120q: want one of %s", fields[0], strings.Join(t.Partitions(), ", "))
		}
		r.Partition = fields[0]
	default:
		r.Partition = guessPartition(name)
		if r.Partition == "" {
			return fmt.Errorf("the partition of %.120q is not known: write it in front", name)
		}
	}
	r.OptIn = r.Partition == AWS
	if known, ok := t.Region(name); ok {
		if known.Partition != r.Partition {
			return fmt.Errorf("region %.120q is in partition %s already", name, known.Partition)
		}
		return nil
	}
	t.added = slices.Insert(t.added, findIndex(t.added, name), r)
	return nil
}

// Region finds a Region by its name. Letter case does not matter, and spaces
// around the name are ignored. The result has the name as the table writes it.
func (t Table) Region(name string) (Region, bool) {
	name = ToLower(strings.TrimSpace(name))
	if i := findIndex(regions[:], name); i < len(regions) && regions[i].Name == name {
		return regions[i], true
	}
	if i := findIndex(t.added, name); i < len(t.added) && t.added[i].Name == name {
		return t.added[i], true
	}
	return Region{}, false
}

// findIndex returns the index of the first Region in the list whose name is not
// before name. The list is sorted. It is slices.BinarySearchFunc without its calls
// of a function. With them, half of the time of a verdict is spent here.
func findIndex(list []Region, name string) int {
	low, high := 0, len(list)
	for low < high {
		if mid := (low + high) / 2; list[mid].Name < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Known reports whether the table has the Region.
func (t Table) Known(region string) bool {
	_, ok := t.Region(region)
	return ok
}

// Partition returns the partition of a Region. It is empty if the table does not
// have the Region.
func (t Table) Partition(region string) string {
	r, _ := t.Region(region)
	return r.Partition
}

// Partitions returns the names of all partitions. The commercial one is first.
// The caller may change the slice.
func (t Table) Partitions() []string {
	names := make([]string, len(partitions))
	for i := range partitions {
		names[i] = partitions[i].name
	}
	return names
}

// Regions returns the Regions of a partition, sorted by name. It is empty for an
// unknown partition. The caller may change the slice.
func (t Table) Regions(partition string) []Region {
	var out []Region
	for _, list := range [...][]Region{regions[:], t.added} {
		for _, r := range list {
			if r.Partition == partition {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b Region) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Default returns the default Region of a partition. Sign-ins at the global
// endpoint of the partition are recorded there. It is empty for an unknown
// partition. For the commercial partition it is documented (CloudTrail User Guide,
// "AWS Management Console sign-in events"). For the others it is the implicit
// global Region of the AWS SDK.
func (t Table) Default(partition string) string {
	if p := findPartition(partition); p != nil {
		return p.home
	}
	return ""
}

// HasShape reports whether a text has the shape of a Region's name: at least
// three parts, joined by hyphens. The last part is a number, the others are words
// of small letters. An account alias may have this shape too.
func HasShape(s string) bool {
	parts := strings.Split(s, "-")
	last := len(parts) - 1
	if last < 2 || len(s) > 40 {
		return false
	}
	for i, part := range parts {
		first, end := byte('a'), byte('z')
		if i == last {
			first, end = '0', '9'
		}
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return c < rune(first) || c > rune(end) }) {
			return false
		}
	}
	return true
}

// guessPartition returns the partition of a Region by the prefix of its name, or
// the commercial one if no prefix fits. It is empty for an iso Region of an unknown
// partition, because such a Region is never commercial.
func guessPartition(region string) string {
	for i := range partitions {
		if p := &partitions[i]; p.prefix != "" && strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	if _, rest, _ := strings.Cut(region, "-"); strings.HasPrefix(rest, "iso") {
		return ""
	}
	return AWS
}

// findPartition returns the partition of this name, or nil for an unknown one.
func findPartition(name string) *partition {
	for i := range partitions {
		if partitions[i].name == name {
			return &partitions[i]
		}
	}
	return nil
}

// ToLower returns s in small letters. It changes ASCII letters only, so that no
// other character can become one of a Region's name. It does not allocate if there
// is nothing to change.
func ToLower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
