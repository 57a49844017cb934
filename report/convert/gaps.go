package convert

import (
	"fmt"
	"slices"
	"strings"

	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/report"
)

// asksForPartsOnly reports whether the user named only parts of trails, such as the
// folder of one Region. Then it means nothing that other Regions are missing.
func asksForPartsOnly(sources []string) bool {
	return !slices.ContainsFunc(sources, func(s string) bool {
		_, below, layout := strings.Cut(s[max(strings.LastIndex(s, "AWSLogs/"), 0):], "/CloudTrail/")
		return !layout || strings.Trim(below, "/") == "" || !strings.Contains(s, "AWSLogs/")
	})
}

// absentRegions names for each account the Regions that have no log files. It looks
// at the Regions of the account's partitions, such as aws or aws-cn. The shards must
// be sorted.
func absentRegions(shards []ingest.Shard, table region.Table) []report.Absence {
	var out []report.Absence
	for _, account := range accountsOf(shards) {
		has := regionsOf(shards, account)
		var missing []string
		for _, partition := range partitionsOf(shards, account, table) {
			for _, r := range table.Regions(partition) {
				if !slices.Contains(has, r.Name) {
					missing = append(missing, r.Name)
				}
			}
		}
		if slices.Sort(missing); len(missing) > 0 {
			out = append(out, report.Absence{AccountID: account, Regions: missing})
		}
	}
	return out
}

// singleRegionRemarks returns a sentence for each account that has log files of one
// Region only, although its partition has more. Its trail is probably a
// single-Region trail. Sign-ins at the global endpoint are usually recorded in the
// default Region of the partition, so only a trail of that Region shows them.
func singleRegionRemarks(shards []ingest.Shard, table region.Table) []string {
	var out []string
	for _, account := range accountsOf(shards) {
		has := regionsOf(shards, account)
		if len(has) != 1 || len(table.Regions(table.Partition(has[0]))) < 2 {
			continue
		}
		missed := "the global endpoint and every other Region"
		if has[0] == table.Default(table.Partition(has[0])) {
			missed = "every other Region"
		}
		out = append(out, fmt.Sprintf("account %s has log files of %s only: it looks like a single-Region trail, and sign-ins at %s would not have been seen", account, has[0], missed))
	}
	return out
}

// accountsOf returns each account once. The shards must be sorted.
func accountsOf(shards []ingest.Shard) []string {
	var out []string
	for _, s := range shards {
		if len(out) == 0 || out[len(out)-1] != s.Account {
			out = append(out, s.Account)
		}
	}
	return out
}

// regionsOf returns the Regions of an account that have log files. The shards must
// be sorted.
func regionsOf(shards []ingest.Shard, account string) []string {
	var out []string
	for _, s := range shards {
		if s.Account == account && s.Objects > 0 {
			out = append(out, s.Region)
		}
	}
	return out
}

// partitionsOf returns the partitions of an account's Regions, such as aws or aws-cn.
// A Region counts even if it has a folder and no log files.
func partitionsOf(shards []ingest.Shard, account string, table region.Table) []string {
	var out []string
	for _, s := range shards {
		if p := table.Partition(s.Region); s.Account == account && p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
