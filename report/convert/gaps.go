package convert

import (
	"fmt"
	"slices"
	"strings"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest"
	"trailgate/report"
)

// asksForPartsOnly tells whether the user asked for parts of trails only, so that the
// Regions that are missing are no wonder.
func asksForPartsOnly(sources []string) bool {
	return !slices.ContainsFunc(sources, func(s string) bool {
		_, below, layout := strings.Cut(s[max(strings.LastIndex(s, "AWSLogs/"), 0):], "/CloudTrail/")
		return !layout || strings.Trim(below, "/") == "" || !strings.Contains(s, "AWSLogs/")
	})
}

// absentRegions names, for each account, the Regions of its partition that have no
// log files at all.
func absentRegions(shards []ingest.Shard, table endpoint.Table) []report.Absence {
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

// singleRegionTrails says in words what an account's Regions tell of its trail: with log
// files of one Region alone, where its partition has more, it looks like a
// trail of that Region alone. Sign-ins at the global endpoint are recorded in
// the partition's default Region, as a rule.
func singleRegionTrails(shards []ingest.Shard, table endpoint.Table) []string {
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

// accountsOf and regionsOf rely on shards being sorted.
func accountsOf(shards []ingest.Shard) []string {
	var out []string
	for _, s := range shards {
		if len(out) == 0 || out[len(out)-1] != s.Account {
			out = append(out, s.Account)
		}
	}
	return out
}

func regionsOf(shards []ingest.Shard, account string) []string {
	var out []string
	for _, s := range shards {
		if s.Account == account && s.Objects > 0 {
			out = append(out, s.Region)
		}
	}
	return out
}

// partitionsOf gives the partitions of an account's Regions, whether these have
// log files or only folders.
func partitionsOf(shards []ingest.Shard, account string, table endpoint.Table) []string {
	var out []string
	for _, s := range shards {
		if p := table.Partition(s.Region); s.Account == account && p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
