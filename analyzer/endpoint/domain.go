// Package endpoint knows the console sign-in hosts of AWS. In comes a host name
// or a sign-in URL. Out comes the endpoint that it stands for, and why. The
// package must not do I/O, use a network or read a clock. Of this module it
// imports the table of Regions only.
package endpoint

import "trailgate/ingest/aws/region"

// Standing says what AWS publishes about the sign-in host of a partition that
// names no Region.
type Standing uint8

// The standings, from the weakest to the strongest.
const (
	Assumed Standing = iota // no such host is published, so the bare sign-in domain is used
	Used                    // in public sign-in URLs and in the endpoint rules of the SDK
	Listed                  // in the AWS General Reference, as the endpoint of the default Region
)

// signInDomain is the domain of a partition's sign-in hosts.
type signInDomain struct {
	partition string
	root      string // the sign-in domain is "signin." + root, that of the console "console." + root
	suffix    string // DNS suffix of API endpoints
	fips      bool   // "signin-fips." + root exists as well
	bare      Standing
}

// The hosts are those of the AWS General Reference ("AWS Sign-In endpoints and
// quotas") and of the SDK's endpoint rules for the sign-in service. The General
// Reference has the partitions aws and aws-us-gov only.
var signInDomains = [...]signInDomain{
	{partition: region.AWS, root: "aws.amazon.com", suffix: "amazonaws.com", bare: Listed},
	{partition: "aws-cn", root: "amazonaws.cn", suffix: "amazonaws.com.cn", bare: Used},
	{partition: region.GovCloud, root: "amazonaws-us-gov.com", suffix: "amazonaws.com", fips: true, bare: Listed},
	{partition: "aws-eusc", root: "amazonaws-eusc.eu", suffix: "amazonaws.eu"},
	{partition: "aws-iso", root: "c2shome.ic.gov", suffix: "c2s.ic.gov"},
	{partition: "aws-iso-b", root: "sc2shome.sgov.gov", suffix: "sc2s.sgov.gov"},
	{partition: "aws-iso-e", root: "csphome.adc-e.uk", suffix: "cloud.adc-e.uk"},
	{partition: "aws-iso-f", root: "csphome.hci.ic.gov", suffix: "csp.hci.ic.gov"},
}

// findDomain returns the sign-in domain of a partition, or nil for an unknown one.
func findDomain(partition string) *signInDomain {
	for i := range signInDomains {
		if signInDomains[i].partition == partition {
			return &signInDomains[i]
		}
	}
	return nil
}

// BareStanding returns the standing of a partition's sign-in host without a
// Region. It is Assumed for an unknown partition.
func BareStanding(partition string) Standing {
	if d := findDomain(partition); d != nil {
		return d.bare
	}
	return Assumed
}

// describeBareHost says what a partition's sign-in host without a Region is.
func describeBareHost(partition string) string {
	if BareStanding(partition) == Assumed {
		return "the bare sign-in domain of partition " + partition
	}
	return "the un-prefixed sign-in host of partition " + partition
}

// BareReason returns two sentences: why a partition's sign-in host without
// a Region counts as its global endpoint, and what AWS says about that host.
func BareReason(partition string) string {
	const why = "Trailgate calls this host global because it names no Region"
	switch BareStanding(partition) {
	case Listed:
		return why + ". The AWS General Reference lists it as the endpoint of " + region.Table{}.Default(partition) + "."
	case Used:
		return why + ". The AWS General Reference does not cover partition " + partition + "."
	}
	return why + ". No un-prefixed host of partition " + partition + " is published, so Trailgate uses the bare sign-in domain."
}

// Proxied reports whether the Region is one of the three proxied ones. The console may
// serve an IAM user from a proxied Region although the user asked for the global
// endpoint. The record then names that Region (CloudTrail User Guide, "AWS Management
// Console sign-in events"). The name must be written as the table writes it.
func Proxied(name string) bool {
	return name == "us-east-2" || name == "eu-north-1" || name == "ap-southeast-2"
}

// ProxiedRegions returns the three proxied Regions, sorted. From a proxied Region the
// console may serve an IAM user who asked for the global endpoint (see Proxied). The
// caller may change the slice.
func ProxiedRegions() []string { return []string{"ap-southeast-2", "eu-north-1", "us-east-2"} }
