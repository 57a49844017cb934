package trail

import "strings"

// level is where in CloudTrail's layout a folder stands, by what may lie in it.
type level uint8

const (
	above   level = iota // anything; AWSLogs may lie somewhere below
	logs                 // AWSLogs: accounts and organizations
	org                  // accounts
	account              // CloudTrail and its siblings
	service              // CloudTrail: Regions
	region               // a Region, or a year, month or day of it: log files, at any depth
	single               // no folder: the key of one log file
)

// folder is a place to list.
type folder struct {
	prefix  string // ends in a slash, or is empty, or is a single key
	level   level
	account string // from account level down
	region  string // from region level down
	base    string // from region level down: the prefix of the Region's folder
}

// child is what a folder within f is. The reason is why it is not to be
// listed, or empty.
func (f folder) child(name string) (c folder, reason string) {
	c = folder{prefix: f.prefix + name + "/", account: f.account}
	switch f.level {
	case above:
		if name == logsFolder {
			c.level = logs
		}
		return c, ""
	case logs:
		switch {
		case isAccount(name):
			c.level, c.account = account, name
		case isOrg(name):
			c.level = org
		case name == logsFolder:
			c.level = logs
		}
		return c, ""
	case org:
		if isAccount(name) {
			c.level, c.account = account, name
			return c, ""
		}
	case account:
		kind := kindOf(name)
		if kind == LogFile {
			c.level = service
			return c, ""
		}
		return c, kind.String()
	case service:
		if isRegion(name) {
			c.level, c.region, c.base = region, name, c.prefix
			return c, ""
		}
	}
	return c, Other.String()
}

// placeOf tells where a prefix that a user gave stands. A single slash, which
// is what is left of s3://BUCKET/, is the start as well.
func placeOf(prefix string) folder {
	trimmed := strings.TrimSuffix(prefix, "/")
	if trimmed == "" {
		return folder{}
	}
	if k, kind := ParseKey(prefix); kind == LogFile {
		return folder{prefix: prefix, level: single, account: k.Account, region: k.Region}
	}
	part := strings.Split(trimmed, "/")
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] != logsFolder {
			continue
		}
		f := folder{prefix: strings.Join(part[:i+1], "/") + "/", level: logs}
		if f, ok := f.descend(part[i+1:]); ok {
			return f
		}
		break
	}
	return folder{prefix: trimmed + "/"}
}

// descend follows a path down from f, as far as it is of the layout.
func (f folder) descend(path []string) (folder, bool) {
	for i, name := range path {
		if f.level == region {
			return f, f.within(path[i:])
		}
		c, reason := f.child(name)
		if reason != "" || c.level == above {
			return f, false
		}
		f = c
	}
	return f, true
}

// within narrows a Region's folder to a year, month or day of it.
func (f *folder) within(date []string) bool {
	if len(date) > 3 {
		return false
	}
	for i, name := range date {
		want := 2
		if i == 0 {
			want = 4
		}
		if len(name) != want || !digits(name) {
			return false
		}
		f.prefix += name + "/"
	}
	return true
}
