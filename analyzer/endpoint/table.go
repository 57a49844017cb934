// Package endpoint knows the partitions of AWS, their Regions and their console
// sign-in hosts. It takes a host name or a sign-in URL and says which endpoint it
// belongs to, and why. It imports no other package of this module, does no I/O
// and reads no clock.
package endpoint

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

// GovCloud is the name of the partition in which the root user has no console
// sign-in.
const GovCloud = "aws-us-gov"

// Region is one entry of the table.
type Region struct {
	Name      string // as CloudTrail writes it: "eu-west-1"
	Partition string // "aws", "aws-cn", …
	OptIn     bool   // an account must enable it; false: introduced before 20 March 2019 or in a partition without opt-in
}

// Standing says how well the un-prefixed sign-in host of a partition is
// documented.
type Standing uint8

// The standings, rising.
const (
	Assumed Standing = iota // not published: the bare sign-in domain is used
	Used                    // found in public sign-in URLs and the SDK's endpoint rules
	Listed                  // listed in the AWS General Reference, as the endpoint of the default Region
)

// partition holds what the rules need to know about a partition.
type partition struct {
	name   string
	home   string // default Region: events without a Region are recorded there
	prefix string // prefix of the names of its Regions; empty for the commercial partition
	root   string // the sign-in domain is "signin." + root, the console's "console." + root
	suffix string // DNS suffix of API endpoints
	fips   bool   // also has "signin-fips." + root
	bare   Standing
}

// The default Regions are the SDK's implicit global Regions. The hosts are those
// of the AWS General Reference ("AWS Sign-In endpoints and quotas") and of the
// SDK's endpoint rules for the sign-in service. The General Reference covers aws
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

// regions is sorted by name for the binary search. The pseudo Regions of the SDK,
// such as "aws-global", are left out because they are not Regions.
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

// Table is the list of Regions by partition. The zero Table is the embedded list,
// and ParseTable makes one with additions. A Table does not change. So it may be
// copied and shared between goroutines.
type Table struct {
	added []Region // sorted by name; does not repeat regions
}

// ParseTable reads a regions file, which adds Regions to the embedded list. Each
// line is "PARTITION REGION", or "REGION" alone if its prefix shows the
// partition. Text after a # is a comment. A known Region may be named again, but
// only with the same partition. An added Region of the commercial partition
// counts as opt-in, because every Region introduced since March 2019 is. The
// error shows the first bad line and its number.
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

// Region finds a Region by name. Surrounding space and letter case do not matter.
// The result has the name as the table writes it.
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

// searchRegion is slices.BinarySearchFunc without the calls, which would take
// half the time of a verdict.
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

// Known tells whether the Region is in the table.
func (t Table) Known(region string) bool {
	_, ok := t.Region(region)
	return ok
}

// Partition returns the partition of a Region. It returns "" if the Region is not
// in the table.
func (t Table) Partition(region string) string {
	r, _ := t.Region(region)
	return r.Partition
}

// Partitions names all partitions, the commercial one first. The slice is the
// caller's own.
func (t Table) Partitions() []string {
	names := make([]string, len(partitions))
	for i := range partitions {
		names[i] = partitions[i].name
	}
	return names
}

// Regions lists the Regions of a partition, sorted by name. It returns nil for an
// unknown partition. The slice is the caller's own.
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
// endpoint are recorded there. It returns "" for an unknown partition. AWS
// documents it for the commercial partition (CloudTrail User Guide, "AWS
// Management Console sign-in events"). For the others it is the SDK's implicit
// global Region.
func (t Table) Default(partition string) string {
	if p := findPartition(partition); p != nil {
		return p.home
	}
	return ""
}

// Bare returns how well the un-prefixed sign-in host of a partition is
// documented. It returns Assumed for an unknown partition.
func (t Table) Bare(partition string) Standing {
	if p := findPartition(partition); p != nil {
		return p.bare
	}
	return Assumed
}

// bareHost describes the un-prefixed sign-in host of the partition.
func (t Table) bareHost(partition string) string {
	if t.Bare(partition) == Assumed {
		return "the bare sign-in domain of partition " + partition
	}
	return "the un-prefixed sign-in host of partition " + partition
}

// BareReason says why the un-prefixed sign-in host of a partition counts as its
// global endpoint, and what AWS says about that host.
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

// Proxied tells whether the console may serve IAM users from this Region when
// they asked for the global endpoint. There are three such Regions (CloudTrail
// User Guide, "AWS Management Console sign-in events"). The name must be written
// as in the table.
func Proxied(region string) bool {
	return region == "us-east-2" || region == "eu-north-1" || region == "ap-southeast-2"
}

// ProxiedRegions lists the Regions for which Proxied is true, sorted. The slice
// is the caller's own.
func ProxiedRegions() []string { return []string{"ap-southeast-2", "eu-north-1", "us-east-2"} }

// RegionLike tells whether a text has the shape of a Region's name. It has at
// least three parts, joined by hyphens: words of small letters, and a number at
// the end. An account alias may have this shape too, so the shape proves nothing.
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

// partitionByPrefix returns the partition of a Region by its prefix. It returns
// "" for a Region of an unknown iso partition, which must not count as
// commercial.
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

// lowerASCII makes ASCII letters small. Unicode rules would turn look-alike
// characters into a real sign-in host.
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
