package endpoint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
)

func TestProxied(t *testing.T) {
	var got []string
	var table region.Table
	for _, r := range table.Regions(region.AWS) {
		if endpoint.Proxied(r.Name) {
			got = append(got, r.Name)
		}
	}
	if diff := cmp.Diff(endpoint.ProxiedRegions(), got); diff != "" {
		t.Errorf("ProxiedRegions and Proxied disagree (-want +got):\n%s", diff)
	}
}

func TestHostOfAddedRegion(t *testing.T) {
	table, err := region.ParseTable([]byte("aws ap-newland-9 # announced\n"))
	if err != nil {
		t.Fatal(err)
	}
	host := endpoint.ParseHost(table, "ap-newland-9.signin.aws.amazon.com")
	if host.Class != endpoint.Regional || host.Region != "ap-newland-9" {
		t.Errorf("host of an added Region: %+v", host)
	}
}
