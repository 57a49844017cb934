package main

import (
	"fmt"
	"io"
	"os"

	"trailgate/cmd/trailgate/internal/atomicfile"
)

// write hands write the place that -o names. A file is written beside its
// place and renamed, so a failed run leaves none and no reader sees half of it.
// What an interrupted run has got to does not take that place: it goes to a
// file of its own, named so.
func (f *outputFlags) write(p *process, partial bool, write func(io.Writer) error) error {
	if f.toStdout() {
		return atomicfile.Buffered(p.stdout, write)
	}
	path := f.out
	if partial {
		path += ".partial"
		p.complain(fmt.Sprintf("partial: what was finished goes to %q", path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usagef("-o %q is a folder", f.out)
	}
	return atomicfile.Replace(path, write)
}
