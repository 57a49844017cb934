package main

import (
	"fmt"

	"github.com/schollz/progressbar/v3"

	"trailgate/ingest"
)

// progress shows on a terminal how far a run has come. The zero value, and
// one made where there is no terminal, shows nothing.
type progress struct {
	bar *progressbar.ProgressBar
}

func (p *process) newProgress(f *readFlags) *progress {
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

// show is handed to the sources.
func (g *progress) show(now ingest.Progress) {
	if g.bar == nil {
		return
	}
	if now.Text != "" {
		g.bar.ChangeMax(now.Listed)
		g.bar.Describe(now.Text)
		g.set(now.Done)
		return
	}
	words := "reading"
	if !now.Final {
		words = fmt.Sprintf("listing: %d objects so far", now.Listed)
	} else if g.bar.GetMax() != now.Listed {
		g.bar.ChangeMax(now.Listed)
	}
	g.bar.Describe(fmt.Sprintf("%s, %.1f MB, %d sign-ins", words, float64(now.Bytes)/1e6, now.SignIns))
	g.set(now.Done)
}

func (g *progress) set(done int) {
	if g.bar.Set(done) != nil {
		g.bar = nil // a terminal that is gone is no reason to stop
	}
}

// done takes the bar away.
func (g *progress) done() {
	if g.bar != nil && g.bar.Finish() != nil {
		g.bar = nil
	}
}
