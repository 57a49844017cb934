package trail

import (
	"strings"
	"time"

	"trailgate/ingest"
)

// Kind says what an object in a trail bucket is, as far as its key tells.
type Kind uint8

// The kinds of object. Only a LogFile holds sign-ins.
const (
	Other           Kind = iota // not of CloudTrail's layout: foreign
	LogFile                     // …/CloudTrail/…
	Digest                      // …/CloudTrail-Digest/…
	Insight                     // …/CloudTrail-Insight/…
	NetworkActivity             // …/CloudTrail-NetworkActivity/…
	Aggregated                  // …/CloudTrail-Aggregated/…
)

// String gives the word under which a Coverage counts objects and folders of
// the kind that are left out.
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

// folder is the name of the folder that holds objects of the kind, or empty.
func (k Kind) folder() string {
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

// kindOf is the kind that a folder of this name below an account holds.
func kindOf(folder string) Kind {
	for k := LogFile; k <= Aggregated; k++ {
		if k.folder() == folder {
			return k
		}
	}
	return Other
}

// logsFolder is the folder with which CloudTrail's layout begins (CloudTrail
// User Guide, "Finding your CloudTrail log files").
const logsFolder = "AWSLogs"

// Key is the key of an object in CloudTrail's layout, taken apart:
//
//	Prefix AWSLogs/[Org/]Account/CloudTrail/Region/YYYY/MM/DD/File
//
// The layout and the file name are those of the CloudTrail User Guide,
// "Finding your CloudTrail log files" and "CloudTrail log file examples". A
// Region in a key says where a file was put and nothing about the Region of a
// sign-in in it.
type Key struct {
	Prefix    string     // what stands before AWSLogs, with its slash, or empty
	Org       string     // organization id, or empty
	Account   string     // 12 digits, the same in folder and file name
	Region    string     // of the folder; the file name may say another one
	Day       ingest.Day // of the folder: the UTC day of delivery
	Delivered time.Time  // stamp of the file name, UTC: minutes for a LogFile, seconds for a Digest; zero where there is none
	File      string     // last part
}

// ParseKey takes a key apart. A key that is not of the layout gives Other and
// the zero Key, also when folder and file name disagree about the account. A
// missing underscore after the stamp, which one of AWS's samples has, and a
// file stored without its gzip are tolerated. Every other kind than LogFile
// has its folders and the account checked, its stamp only read if it is there.
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
	kind := kindOf(part[5])
	if last != logsFolder || !isAccount(k.Account) || !isRegion(k.Region) || !dayOK || kind == Other {
		return Key{}, Other
	}
	k.Day = day
	var ok bool
	if k.Delivered, ok = parseFile(k.File, k.Account, kind); !ok {
		return Key{}, Other
	}
	return k, kind
}

// Join is the inverse of ParseKey: the key of an object of that kind. For
// Other it is empty.
func (k Key) Join(kind Kind) string {
	if kind.folder() == "" {
		return ""
	}
	org := ""
	if k.Org != "" {
		org = k.Org + "/"
	}
	return k.Prefix + logsFolder + "/" + org + k.Account + "/" + kind.folder() + "/" + k.Region + "/" + dayPath(k.Day) + "/" + k.File
}

// parseFile checks a file name against the account of its folder and gives
// its stamp.
func parseFile(file, account string, kind Kind) (time.Time, bool) {
	rest, ok := strings.CutPrefix(file, account+"_"+kind.folder()+"_")
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
		// Digits that are no time are taken, as by AWS's own library; they
		// prove nothing about when the file came.
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

// parseStamp reads YYYYMMDDTHHmmZ and YYYYMMDDTHHmmSSZ.
func parseStamp(s string) (time.Time, bool) {
	n := len(s)
	if n != 14 && n != 16 || s[8] != 'T' || s[n-1] != 'Z' || !allDigits(s[:8]) || !allDigits(s[9:n-1]) {
		return time.Time{}, false
	}
	day, ok := parseDay(s[:4], s[4:6], s[6:8])
	hour, minute, second := parseNumber(s[9:11]), parseNumber(s[11:13]), parseNumber(s[13:n-1])
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return day.Time().Add(time.Duration(hour*3600+minute*60+second) * time.Second), true
}

// parseDay reads a day of the calendar.
func parseDay(year, month, day string) (ingest.Day, bool) {
	if len(year) != 4 || len(month) != 2 || len(day) != 2 || !allDigits(year) || !allDigits(month) || !allDigits(day) {
		return 0, false
	}
	y, m, d := parseNumber(year), parseNumber(month), parseNumber(day)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Year() != y || t.Month() != time.Month(m) || t.Day() != d {
		return 0, false
	}
	return ingest.DayOf(t), true
}

// dayPath is the folder path of a day.
func dayPath(d ingest.Day) string { return d.Time().Format("2006/01/02") }

// cutLast splits behind the last slash, which stays with what is before it.
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, '/') + 1
	return s[:i], s[i:]
}

func parseNumber(s string) int {
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

// isOrg holds an organization id against its documented form, o- and 10 to 32
// lower-case letters or digits (AWS Organizations API Reference,
// "Organization").
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

// isRegion takes anything that is written as a Region is: new ones appear and
// anonymised trails invent some.
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
