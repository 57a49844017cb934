package build

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadNamesWhatIsKnown(t *testing.T) {
	info := Read("1.2.3", "libdeflate")
	if info.Version != "1.2.3" || info.Inflate != "libdeflate" || info.Commit == "" || info.Go == "" || info.OS == "" || info.Arch == "" {
		t.Errorf("%+v", info)
	}
}

func TestFillFrom(t *testing.T) {
	recorded := &debug.BuildInfo{
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-03-01T08:00:00Z"}, {Key: "vcs.modified", Value: "true"}},
		Deps:     []*debug.Module{{Path: "github.com/klauspost/compress", Version: "v1.2.3"}, {Path: "github.com/other/one", Version: "v9.9.9"}},
	}
	for _, c := range []struct {
		name       string
		info, want Info
	}{
		{"the Go tool knows", Info{Inflate: "klauspost/compress"},
			Info{Inflate: "klauspost/compress v1.2.3", Commit: "abc", Date: "2026-03-01T08:00:00Z", Modified: true}},
		{"the linker knows better", Info{Inflate: "libdeflate", Commit: "def", Date: "2026-03-02T08:00:00Z"},
			Info{Inflate: "libdeflate", Commit: "def", Date: "2026-03-02T08:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.info.fillFrom(recorded)
			if diff := cmp.Diff(c.want, c.info); diff != "" {
				t.Error(diff)
			}
		})
	}
}
