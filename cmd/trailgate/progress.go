package main

import (
	"fmt"

	"github.com/schollz/progressbar/v3"

	"trailgate/ingest"
)

// progress is a bar on a terminal that shows how much a run has read. The zero value
// shows nothing. It is for one goroutine.
type progress struct {
	bar *progressbar.ProgressBar
}

func (p *process) newProgress(f *messageFlags) *progress {
	if !p.errTTY || f.quiet || f.noProgress {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetDescription("listing"),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("objects"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(1e8),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)}
}

// show updates the bar. The sources call it.
func (g *progress) show(now ingest.Progress) {
	if g.bar == nil {
		return
	}
	if now.Text != "" {
		g.bar.ChangeMax(now.Listed)
		g.bar.Describe(now.Text)
		g.setDone(now.Done)
		return
	}
	words := "reading"
	if !now.Final {
		words = fmt.Sprintf("listing: %d objects so far", now.Listed)
	} else if g.bar.GetMax() != now.Listed {
		g.bar.ChangeMax(now.Listed)
	}
	g.bar.Describe(fmt.Sprintf("%s, %.1f MB, %d sign-ins", words, float64(now.Bytes)/1e6, now.SignIns))
	g.setDone(now.Done)
}

func (g *progress) setDone(done int) {
	if g.bar.Set(done) != nil {
		g.bar = nil // the terminal cannot be written to, and the run goes on without a bar
	}
}

// done removes the bar.
func (g *progress) done() {
	if g.bar != nil && g.bar.Finish() != nil {
		g.bar = nil
	}
}
