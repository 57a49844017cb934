package trail

import "strings"

// layoutLevel is the level of CloudTrail's layout that a folder stands on. It
// says which entries the folder may have.
type layoutLevel uint8

const (
	levelAbove   layoutLevel = iota // any folder that may have AWSLogs somewhere below
	levelLogs                       // AWSLogs: has accounts and organizations
	levelOrg                        // an organization: has accounts
	levelAccount                    // an account: has CloudTrail and its siblings
	levelService                    // CloudTrail: has Regions
	levelRegion                     // a Region, or a year, month or day of it: has log files, at any depth
	levelFile                       // not a folder: the key of one log file
)

// folder is a folder that can be listed.
type folder struct {
	prefix  string // ends in a slash, or is empty, or is the key of one object
	level   layoutLevel
	account string // from account level down
	region  string // from region level down
	base    string // from region level down: the prefix of the Region's folder
}

// childFolder returns the folder of this name within f, with its level. If the
// reason is not empty, the folder is not to be listed.
func (f folder) childFolder(name string) (c folder, reason string) {
	c = folder{prefix: f.prefix + name + "/", account: f.account}
	switch f.level {
	case levelAbove:
		if name == LogsFolder {
			c.level = levelLogs
		}
		return c, ""
	case levelLogs:
		switch {
		case isAccount(name):
			c.level, c.account = levelAccount, name
		case isOrg(name):
			c.level = levelOrg
		case name == LogsFolder:
			c.level = levelLogs
		}
		return c, ""
	case levelOrg:
		if isAccount(name) {
			c.level, c.account = levelAccount, name
			return c, ""
		}
	case levelAccount:
		kind := kindOfFolder(name)
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

// folderOfPrefix returns the folder that a prefix from the user stands for, with
// its level in CloudTrail's layout. A prefix that does not fit the layout has
// levelAbove. A single slash, which is the rest of s3://BUCKET/, means the whole
// bucket.
func folderOfPrefix(prefix string) folder {
	trimmed := strings.TrimSuffix(prefix, "/")
	if trimmed == "" {
		return folder{}
	}
	if k, kind := ParseKey(prefix); kind == LogFile {
		return folder{prefix: prefix, level: levelFile, account: k.Account, region: k.Region}
	}
	part := strings.Split(trimmed, "/")
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] != LogsFolder {
			continue
		}
		f := folder{prefix: strings.Join(part[:i+1], "/") + "/", level: levelLogs}
		if f, ok := f.followPath(part[i+1:]); ok {
			return f
		}
		break
	}
	return folder{prefix: trimmed + "/"}
}

// followPath follows a path of folder names down from f. It returns the folder at
// the end, and reports whether all of the path belongs to the layout.
func (f folder) followPath(path []string) (folder, bool) {
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

// narrowToDate narrows a Region's folder to a year, month or day of it. It
// reports whether the path is a date.
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
