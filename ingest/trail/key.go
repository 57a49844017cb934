package trail

import (
	"strings"
	"time"

	"trailgate/ingest"
)

// Kind classifies an object in a trail bucket by its key.
type Kind uint8

// The kinds of object. Only a LogFile holds sign-ins.
const (
	Other           Kind = iota // foreign: the key is not of CloudTrail's layout
	LogFile                     // …/CloudTrail/…
	Digest                      // …/CloudTrail-Digest/…
	Insight                     // …/CloudTrail-Insight/…
	NetworkActivity             // …/CloudTrail-NetworkActivity/…
	Aggregated                  // …/CloudTrail-Aggregated/…
)

// String is the reason under which a Coverage counts objects and folders of
// this kind that are left out.
func (k Kind) String() string {
	switch k {
	case LogFile:
		return "log-file"
	case Digest:
		return "digest"
	case Insight:
		return "insight"
	case NetworkActivity:
		return "network-activity"
	case Aggregated:
		return "aggregated"
	}
	return "foreign"
}

// folderName is the name of the folder that holds objects of the kind. It is
// empty for Other.
func (k Kind) folderName() string {
	switch k {
	case LogFile:
		return "CloudTrail"
	case Digest:
		return "CloudTrail-Digest"
	case Insight:
		return "CloudTrail-Insight"
	case NetworkActivity:
		return "CloudTrail-NetworkActivity"
	case Aggregated:
		return "CloudTrail-Aggregated"
	}
	return ""
}

// kindOfFolder is the kind of the objects in a folder of this name below an
// account.
func kindOfFolder(folder string) Kind {
	for k := LogFile; k <= Aggregated; k++ {
		if k.folderName() == folder {
			return k
		}
	}
	return Other
}

// LogsFolder is the first folder of CloudTrail's layout (CloudTrail
// User Guide, "Finding your CloudTrail log files").
const LogsFolder = "AWSLogs"

// Key has the parts of the key of an object in CloudTrail's layout:
//
//	Prefix AWSLogs/[Org/]Account/CloudTrail/Region/YYYY/MM/DD/File
//
// The layout and the file name are those of the CloudTrail User Guide,
// "Finding your CloudTrail log files" and "CloudTrail log file examples". The
// Region of a key says where CloudTrail stored the file. The sign-ins in the
// file may be of another Region.
type Key struct {
	Prefix    string     // the part before AWSLogs, with its slash, or empty
	Org       string     // organization id, or empty
	Account   string     // 12 digits, the same in folder and file name
	Region    string     // Region of the folder; the file name may have another one
	Day       ingest.Day // day of the folder: the UTC day of delivery
	Delivered time.Time  // stamp of the file name, in UTC: minutes for a LogFile, seconds for a Digest; zero without a valid stamp
	File      string     // last part
}

// ParseKey splits a key into its parts. A key that is not of the layout gives
// Other and the zero Key. So does a key whose folder and file name have
// different accounts. Two deviations are accepted: a missing underscore after
// the stamp, as in one of AWS's samples, and a file that is stored without
// gzip. For a kind that is not LogFile, the stamp may be missing.
func ParseKey(key string) (Key, Kind) {
	var part [7]string // file, day, month, year, Region, kind, account
	rest := key
	for i := range part {
		cut := strings.LastIndexByte(rest, '/')
		if cut < 0 {
			return Key{}, Other
		}
		rest, part[i] = rest[:cut], rest[cut+1:]
	}
	k := Key{File: part[0], Region: part[4], Account: part[6]}
	before, last := cutLast(rest)
	if isOrg(last) {
		k.Org = last
		before, last = cutLast(strings.TrimSuffix(before, "/"))
	}
	k.Prefix = before
	day, dayOK := parseDay(part[3], part[2], part[1])
	kind := kindOfFolder(part[5])
	if last != LogsFolder || !isAccount(k.Account) || !isRegion(k.Region) || !dayOK || kind == Other {
		return Key{}, Other
	}
	k.Day = day
	var ok bool
	if k.Delivered, ok = parseFile(k.File, k.Account, kind); !ok {
		return Key{}, Other
	}
	return k, kind
}

// Join is the inverse of ParseKey: it gives the key of an object of that kind.
// For Other it is empty.
func (k Key) Join(kind Kind) string {
	if kind.folderName() == "" {
		return ""
	}
	org := ""
	if k.Org != "" {
		org = k.Org + "/"
	}
	return k.Prefix + LogsFolder + "/" + org + k.Account + "/" + kind.folderName() + "/" + k.Region + "/" + dayPath(k.Day) + "/" + k.File
}

// parseFile checks a file name against the account and kind of its folder, and returns
// its stamp. It reports false if the name is not of this account and kind. The stamp is
// zero if it is not a time, or if a file of another kind than LogFile has none.
func parseFile(file, account string, kind Kind) (time.Time, bool) {
	rest, ok := strings.CutPrefix(file, account+"_"+kind.folderName()+"_")
	if !ok {
		return time.Time{}, false
	}
	name, ok := strings.CutSuffix(strings.TrimSuffix(rest, ".gz"), ".json")
	if !ok {
		return time.Time{}, false
	}
	if kind == LogFile {
		region, tail, ok := strings.Cut(name, "_")
		if !ok || !isRegion(region) || len(tail) < len("20060102T1504Z")+1 {
			return time.Time{}, false
		}
		stamp, unique := tail[:14], strings.TrimPrefix(tail[14:], "_")
		// A stamp whose digits are not a time is accepted, as by AWS's own
		// library. It gives no time of delivery.
		at, _ := parseStamp(stamp)
		shaped := stamp[8] == 'T' && stamp[13] == 'Z' && allDigits(stamp[:8]) && allDigits(stamp[9:13])
		return at, shaped && isWord(unique)
	}
	if kind == Digest {
		name = strings.TrimSuffix(name, "_backfill")
	}
	if at, ok := parseStamp(name[strings.LastIndexByte(name, '_')+1:]); ok {
		return at, true
	}
	return time.Time{}, true
}

// parseStamp reads YYYYMMDDTHHmmZ and YYYYMMDDTHHmmSSZ. It reports false for any other
// text, and for a time that does not exist.
func parseStamp(s string) (time.Time, bool) {
	n := len(s)
	if n != 14 && n != 16 || s[8] != 'T' || s[n-1] != 'Z' || !allDigits(s[:8]) || !allDigits(s[9:n-1]) {
		return time.Time{}, false
	}
	day, ok := parseDay(s[:4], s[4:6], s[6:8])
	hour, minute, second := parseDigits(s[9:11]), parseDigits(s[11:13]), parseDigits(s[13:n-1])
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return day.Time().Add(time.Duration(hour*3600+minute*60+second) * time.Second), true
}

// parseDay reads a date, and refuses one that is not in the calendar.
func parseDay(year, month, day string) (ingest.Day, bool) {
	if len(year) != 4 || len(month) != 2 || len(day) != 2 || !allDigits(year) || !allDigits(month) || !allDigits(day) {
		return 0, false
	}
	y, m, d := parseDigits(year), parseDigits(month), parseDigits(day)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Year() != y || t.Month() != time.Month(m) || t.Day() != d {
		return 0, false
	}
	return ingest.DayOf(t), true
}

// dayPath is the folder path of a day.
func dayPath(d ingest.Day) string { return d.Time().Format("2006/01/02") }

// cutLast splits after the last slash. The slash stays with the part before.
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, '/') + 1
	return s[:i], s[i:]
}

func parseDigits(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func isAccount(s string) bool { return len(s) == 12 && allDigits(s) }

// isOrg reports whether s is an organization id: o- and 10 to 32 lower-case letters
// or digits (AWS Organizations API Reference, "Organization").
func isOrg(s string) bool {
	rest, ok := strings.CutPrefix(s, "o-")
	if !ok || len(rest) < 10 || len(rest) > 32 {
		return false
	}
	for i := range len(rest) {
		if !lowerOrDigit(rest[i]) {
			return false
		}
	}
	return true
}

// isRegion reports whether a name has the form of a Region, such as eu-west-1. It has
// no list, because new Regions appear and anonymised trails have invented ones.
func isRegion(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' || !strings.Contains(s, "-") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && !lowerOrDigit(c) {
			return false
		}
	}
	return true
}

func lowerOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && !lowerOrDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}
