package trail

import "strings"

// layoutLevel is where in CloudTrail's layout a folder stands, by what may lie in it.
type layoutLevel uint8

const (
	levelAbove        layoutLevel = iota // anything; AWSLogs may lie somewhere below
	levelLogs                            // AWSLogs: accounts and organizations
	levelOrganization                    // accounts
	levelAccount                         // CloudTrail and its siblings
	levelService                         // CloudTrail: Regions
	levelRegion                          // a Region, or a year, month or day of it: log files, at any depth
	levelObject                          // no folder: the key of one log file
)

// folder is a place to list.
type folder struct {
	prefix  string // ends in a slash, or is empty, or is a single key
	level   layoutLevel
	account string // from account level down
	region  string // from region level down
	base    string // from region level down: the prefix of the Region's folder
}

// childFolder is what a folder within f is. The reason is why it is not to be
// listed, or empty.
func (f folder) childFolder(name string) (c folder, reason string) {
	c = folder{prefix: f.prefix + name + "/", account: f.account}
	switch f.level {
	case levelAbove:
		if name == logsFolder {
			c.level = levelLogs
		}
		return c, ""
	case levelLogs:
		switch {
		case isAccount(name):
			c.level, c.account = levelAccount, name
		case isOrg(name):
			c.level = levelOrganization
		case name == logsFolder:
			c.level = levelLogs
		}
		return c, ""
	case levelOrganization:
		if isAccount(name) {
			c.level, c.account = levelAccount, name
			return c, ""
		}
	case levelAccount:
		kind := kindOf(name)
		if kind == LogFile {
			c.level = levelService
			return c, ""
		}
		return c, kind.String()
	case levelService:
		if isRegion(name) {
			c.level, c.region, c.base = levelRegion, name, c.prefix
			return c, ""
		}
	}
	return c, Other.String()
}

// folderOf tells where a prefix that a user gave stands. A single slash, which
// is what is left of s3://BUCKET/, is the start as well.
func folderOf(prefix string) folder {
	trimmed := strings.TrimSuffix(prefix, "/")
	if trimmed == "" {
		return folder{}
	}
	if k, kind := ParseKey(prefix); kind == LogFile {
		return folder{prefix: prefix, level: levelObject, account: k.Account, region: k.Region}
	}
	part := strings.Split(trimmed, "/")
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] != logsFolder {
			continue
		}
		f := folder{prefix: strings.Join(part[:i+1], "/") + "/", level: levelLogs}
		if f, ok := f.descendPath(part[i+1:]); ok {
			return f
		}
		break
	}
	return folder{prefix: trimmed + "/"}
}

// descendPath follows a path down from f, as far as it is of the layout.
func (f folder) descendPath(path []string) (folder, bool) {
	for i, name := range path {
		if f.level == levelRegion {
			return f, f.narrowToDate(path[i:])
		}
		c, reason := f.childFolder(name)
		if reason != "" || c.level == levelAbove {
			return f, false
		}
		f = c
	}
	return f, true
}

// narrowToDate narrows a Region's folder to a year, month or day of it.
func (f *folder) narrowToDate(date []string) bool {
	if len(date) > 3 {
		return false
	}
	for i, name := range date {
		want := 2
		if i == 0 {
			want = 4
		}
		if len(name) != want || !allDigits(name) {
			return false
		}
		f.prefix += name + "/"
	}
	return true
}
