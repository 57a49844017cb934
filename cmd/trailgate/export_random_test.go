package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	"trailgate/fixtures/suite"

	"github.com/google/go-cmp/cmp"
)

// randomKills is how often TestKilledAtRandom kills the command, on a disk and
// in a bucket each, at the least.
const randomKills = 100

// TestKilledAtRandom kills the command at moments that a seed chooses, spread
// over the time that an undisturbed run takes, and runs it again, until a run
// comes to its end; then the lake has to hold what one holds in which nothing
// was killed. Then more log files come.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	for seed, chain := range []struct {
		name   string
		places func() *places
	}{
		{"disk", func() *places { return onDisk(t) }},
		{"bucket", func() *places { return inBucket(t, server) }},
	} {
		t.Run(chain.name, func(t *testing.T) {
			t.Parallel()
			want := suite.Size(5, randomKills)
			k := &killer{rig: newRig(t, bin, chain.places()), rng: rand.New(rand.NewPCG(5, uint64(seed)))}
			kills, batch := 0, 0
			for ; kills < want; batch++ {
				kills += k.round(t, batch)
			}
			t.Logf("killed %d times in %d batches; an undisturbed run takes %v", kills, batch, k.usual())
			if len(k.rows(t, "lake").findings) < 5 {
				t.Error("there are hardly any findings to compare")
			}
		})
	}
}

// killer kills runs on the lake "lake" while "calm" goes on undisturbed.
type killer struct {
	*rig
	rng  *rand.Rand
	runs int
	took []time.Duration // by the undisturbed runs
}

// usual is how long an undisturbed run takes.
func (k *killer) usual() time.Duration {
	return slices.Sorted(slices.Values(k.took))[len(k.took)/2]
}

// round lets a batch come, and kills until an export, and now and then a
// compaction, has come to its end. It tells how often it killed.
func (k *killer) round(t *testing.T, batch int) (kills int) {
	t.Helper()
	k.arrive(t, batchOf(batch))
	calm := k.undisturbed(t, "export")
	verbs := []string{"export"}
	if batch%4 == 3 {
		verbs = []string{"compact", "export", "compact"}
	}
	for _, verb := range verbs {
		for {
			o := k.shortLived(t, verb)
			if o.code == killed {
				kills++
				continue
			}
			if o.code != exitComplete && o.code != exitSkipped {
				t.Fatalf("batch %d, after %d kills: %s: %v", batch, kills, verb, o)
			}
			break
		}
	}
	when := fmt.Sprintf("batch %d, after %d kills", batch, kills)
	got := k.rows(t, "lake")
	if diff := cmp.Diff(calm.signIns, got.signIns); diff != "" {
		t.Fatalf("%s: sign-ins: %s", when, diff)
	}
	if diff := cmp.Diff(calm.findings, got.findings); diff != "" {
		t.Fatalf("%s: findings: %s", when, diff)
	}
	k.inOrder(t, "lake", when)
	return kills
}

func (k *killer) undisturbed(t *testing.T, verb string) rows {
	t.Helper()
	k.runs++
	begun := time.Now()
	if o := k.run(t, rigNow(k.runs), k.args(verb, "calm")...); o.code != exitComplete && o.code != exitSkipped {
		t.Fatalf("undisturbed %s: %v", verb, o)
	}
	k.took = append(k.took, time.Since(begun))
	return k.rows(t, "calm")
}

// shortLived runs a command that is killed after a random time, if it is still
// there. Now and then it is let live.
func (k *killer) shortLived(t *testing.T, verb string) outcome {
	t.Helper()
	for {
		k.runs++
		life := time.Duration(k.rng.Int64N(int64(k.usual() * 5 / 4)))
		ctx, cancel := context.WithTimeout(t.Context(), life)
		defer cancel()
		var out lockedBuffer
		like := k.command(t, &out, rigNow(k.runs), 0, "", k.args(verb, "lake")...)
		cmd := exec.CommandContext(ctx, like.Path, like.Args[1:]...)
		cmd.Env, cmd.Stdout, cmd.Stderr = like.Env, like.Stdout, like.Stderr
		err := cmd.Run()
		if cmd.ProcessState != nil {
			return outcome{code: cmd.ProcessState.ExitCode(), stderr: out.String()}
		}
		if ctx.Err() == nil {
			t.Fatal(err)
		}
	}
}
