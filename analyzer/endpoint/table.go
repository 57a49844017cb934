// Package endpoint knows AWS's partitions, their Regions and their console
// sign-in hosts. In come a host name or a sign-in URL, out goes which
// endpoint it stands for and why. It must not do I/O, look anything up on a
// network, read a clock or import anything of ours: it is a table and the
// rules that read it.
package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// AWS is the name of the commercial partition, the only one of which sign-in
// records have been published.
const AWS = "aws"

// GovCloud is the name of the partition in which root has no console sign-in.
const GovCloud = "aws-us-gov"

// Region is one entry of the table.
type Region struct {
	Name      string // as CloudTrail writes it: "eu-west-1"
	Partition string // "aws", "aws-cn", …
	OptIn     bool   // an account may be without it; false: introduced before 20 March 2019 or in a partition without opt-in
}

// Standing says how well the un-prefixed sign-in host of a partition is attested.
type Standing uint8

// The standings, rising.
const (
	Assumed Standing = iota // none is published: the bare sign-in domain is taken for one
	Used                    // in public sign-in URLs and the SDK's endpoint rules
	Listed                  // in the AWS General Reference, as the endpoint of the default Region
)

// partition is what the rules need of a partition.
type partition struct {
	name   string
	home   string // default Region: where what has no Region is recorded
	prefix string // of its Regions' names; empty for the commercial one
	root   string // the sign-in domain is "signin." + root, the console's "console." + root
	suffix string // DNS suffix of API endpoints
	fips   bool   // has "signin-fips." + root as well
	bare   Standing
}

// The default Regions are the SDK's implicit global Regions, the hosts those
// of the AWS General Reference ("AWS Sign-In endpoints and quotas") and of the
// SDK's endpoint rules for the sign-in service. The General Reference has aws
// and aws-us-gov only.
var partitions = [...]partition{
	{name: AWS, home: "us-east-1", root: "aws.amazon.com", suffix: "amazonaws.com", bare: Listed},
	{name: "aws-cn", home: "cn-northwest-1", prefix: "cn-", root: "amazonaws.cn", suffix: "amazonaws.com.cn", bare: Used},
	{name: GovCloud, home: "us-gov-west-1", prefix: "us-gov-", root: "amazonaws-us-gov.com", suffix: "amazonaws.com", fips: true, bare: Listed},
	{name: "aws-eusc", home: "eusc-de-east-1", prefix: "eusc-", root: "amazonaws-eusc.eu", suffix: "amazonaws.eu"},
	{name: "aws-iso", home: "us-iso-east-1", prefix: "us-iso-", root: "c2shome.ic.gov", suffix: "c2s.ic.gov"},
	{name: "aws-iso-b", home: "us-isob-east-1", prefix: "us-isob-", root: "sc2shome.sgov.gov", suffix: "sc2s.sgov.gov"},
	{name: "aws-iso-e", home: "eu-isoe-west-1", prefix: "eu-isoe-", root: "csphome.adc-e.uk", suffix: "cloud.adc-e.uk"},
	{name: "aws-iso-f", home: "us-isof-south-1", prefix: "us-isof-", root: "csphome.hci.ic.gov", suffix: "csp.hci.ic.gov"},
}

// regions is sorted by name: it is searched by halves. The pseudo Regions of
// the SDK ("aws-global" and its like) are no Regions and left out.
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

// Table is the list of Regions by partition. The zero Table is the embedded
// list; ParseTable makes one with additions. A Table does not change once
// made, so it may be copied and shared between goroutines.
type Table struct {
	added []Region // sorted by name, none of them in regions
}

// ParseTable reads a regions file, which adds Regions to the embedded list:
// one a line, either "PARTITION REGION" or "REGION" alone, whose partition its
// prefix then tells. Text behind a # is a comment. Naming a Region that is
// already known is no error unless the partition differs. An added Region of
// the commercial partition counts as opt-in, as every Region introduced since
// March 2019 is. The error is about the first bad line, which it numbers and
// shows.
func ParseTable(data []byte) (Table, error) {
	var t Table
	number := 0
	for raw := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		number++
		text, _, _ := strings.Cut(string(raw), "#")
		fields := strings.Fields(lowerASCII(text))
		if len(fields) == 0 {
			continue
		}
		if err := t.addLine(fields); err != nil {
			return Table{}, fmt.Errorf("read regions line %d %.120q: %w", number, bytes.TrimSpace(raw), err)
		}
	}
	return t, nil
}

func (t *Table) addLine(fields []string) error {
	name := fields[len(fields)-1]
	r := Region{Name: name}
	switch {
	case len(fields) > 2:
		return errors.New("want PARTITION REGION, or REGION alone")
	case !RegionLike(name):
		return fmt.Errorf("%.120q is not shaped like a Region", name)
	case len(fields) == 2:
		if p := findPartition(fields[0]); p == nil {
			return fmt.Errorf("unknown partition %.120q: want one of %s", fields[0], strings.Join(t.Partitions(), ", "))
		}
		r.Partition = fields[0]
	default:
		r.Partition = partitionByPrefix(name)
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
	t.added = slices.Insert(t.added, searchRegion(t.added, name), r)
	return nil
}

// Region finds a Region by name, space around it and letter case aside. The
// name in the answer is the table's.
func (t Table) Region(name string) (Region, bool) {
	name = lowerASCII(strings.TrimSpace(name))
	if i := searchRegion(regions[:], name); i < len(regions) && regions[i].Name == name {
		return regions[i], true
	}
	if i := searchRegion(t.added, name); i < len(t.added) && t.added[i].Name == name {
		return t.added[i], true
	}
	return Region{}, false
}

// searchRegion is slices.BinarySearchFunc without the calls, which take half the
// time of a verdict otherwise.
func searchRegion(list []Region, name string) int {
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

// Known tells whether the table has the Region.
func (t Table) Known(region string) bool {
	_, ok := t.Region(region)
	return ok
}

// Partition is the partition of a Region, or empty where the table does not
// have it.
func (t Table) Partition(region string) string {
	r, _ := t.Region(region)
	return r.Partition
}

// Partitions names all partitions, the commercial one first.
func (t Table) Partitions() []string {
	names := make([]string, len(partitions))
	for i := range partitions {
		names[i] = partitions[i].name
	}
	return names
}

// Regions lists the Regions of a partition, sorted by name, in a slice of the
// caller's own; none for an unknown partition.
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

// Default is the default Region of a partition: where sign-ins at its global
// endpoint are recorded. It is empty for an unknown partition. It is documented
// for the commercial partition (CloudTrail User Guide, "AWS Management Console
// sign-in events"); for the others it is the SDK's implicit global Region.
func (t Table) Default(partition string) string {
	if p := findPartition(partition); p != nil {
		return p.home
	}
	return ""
}

// Bare is the standing of a partition's un-prefixed sign-in host; Assumed for an
// unknown partition.
func (t Table) Bare(partition string) Standing {
	if p := findPartition(partition); p != nil {
		return p.bare
	}
	return Assumed
}

// bareHost says what the un-prefixed sign-in host of the partition is.
func (t Table) bareHost(partition string) string {
	if t.Bare(partition) == Assumed {
		return "the bare sign-in domain of partition " + partition
	}
	return "the un-prefixed sign-in host of partition " + partition
}

// BareReason says in a sentence why the un-prefixed sign-in host of a partition
// counts as its global endpoint, and what AWS says of that host.
func (t Table) BareReason(partition string) string {
	const why = "Trailgate calls this host global because it names no Region"
	switch t.Bare(partition) {
	case Listed:
		return why + ". The AWS General Reference lists it as the endpoint of " + t.Default(partition) + "."
	case Used:
		return why + ". The AWS General Reference does not cover partition " + partition + "."
	}
	return why + ". No un-prefixed host of partition " + partition + " is published, so Trailgate uses the bare sign-in domain."
}

// Proxied tells whether the Region is one of the three from which the console
// may serve an IAM user who asked for the global endpoint (CloudTrail User
// Guide, "AWS Management Console sign-in events"). It wants the name as the
// table writes it.
func Proxied(region string) bool {
	return region == "us-east-2" || region == "eu-north-1" || region == "ap-southeast-2"
}

// ProxiedRegions lists the Regions for which Proxied is true, sorted.
func ProxiedRegions() []string { return []string{"ap-southeast-2", "eu-north-1", "us-east-2"} }

// RegionLike tells whether a text has the shape of a Region's name: words of
// small letters and a number at the end, joined by hyphens, at least three
// parts. An account alias may have that shape too, so it proves nothing.
func RegionLike(s string) bool {
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

// partitionByPrefix tells a Region's partition by its prefix. It refuses an iso Region
// whose partition is not among ours, rather than call it commercial.
func partitionByPrefix(region string) string {
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

func findPartition(name string) *partition {
	for i := range partitions {
		if partitions[i].name == name {
			return &partitions[i]
		}
	}
	return nil
}

// lowerASCII folds ASCII letters only: Unicode folding would turn characters that
// merely look like a sign-in host into one.
func lowerASCII(s string) string {
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
