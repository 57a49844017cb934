// Package build says which build of the command is running. The facts come from
// the linker (make build sets them), else from what the Go tool recorded in the
// binary. It does no I/O.
package build

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Unknown stands for a commit that neither the linker nor the Go tool named.
const Unknown = "devel"

// commit and date are set only by the linker, by
// -ldflags "-X trailgate/cmd/trailgate/internal/build.commit=…". Nothing else
// assigns them. The commit ends with "-dirty" if the source had changes that were
// not committed: git describe writes it so.
var commit, date string

// Info describes a build.
type Info struct {
	Version  string `json:"version"`        // of the release that this is, or leads to: "0.1.0"
	Commit   string `json:"commit"`         // revision of the source, or Unknown
	Date     string `json:"date,omitempty"` // of that commit, RFC 3339
	Modified bool   `json:"modified"`       // the source had changes that were not committed
	Go       string `json:"go"`             // "go1.26.8"
	OS       string `json:"os"`             // as GOOS
	Arch     string `json:"arch"`           // as GOARCH
	Inflate  string `json:"inflate"`        // the library that inflates gzip, with its version if known
}

// Read describes the running program. The caller gives what only it knows: the
// version, and the import path of the inflate library without "github.com/".
func Read(version, inflate string) Info {
	info := Info{Version: version, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Inflate: inflate}
	info.Commit, info.Modified = strings.CutSuffix(commit, "-dirty")
	if recorded, ok := debug.ReadBuildInfo(); ok {
		info.fillFrom(recorded)
	}
	if info.Commit == "" {
		info.Commit = Unknown
	}
	return info
}

// fillFrom takes what the linker did not say from what the Go tool recorded. It also
// adds the version of the inflate library to its name.
func (i *Info) fillFrom(recorded *debug.BuildInfo) {
	settings := map[string]string{}
	for _, s := range recorded.Settings {
		settings[s.Key] = s.Value
	}
	if i.Commit == "" {
		i.Commit, i.Date = settings["vcs.revision"], settings["vcs.time"]
		i.Modified = settings["vcs.modified"] == "true"
	}
	for _, module := range recorded.Deps {
		if module.Path == "github.com/"+i.Inflate {
			i.Inflate += " " + module.Version
		}
	}
}
