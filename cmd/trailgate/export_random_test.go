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

// TestKilledAtRandom kills the command at random moments, spread over the time of an
// undisturbed run. It runs the command again until a run reaches its end. The lake must
// then be the same as one in which no run was killed. Then more log files arrive, and the
// test starts again.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	for seed, chain := range []struct {
		name   string
		places func() *lakeLocations
	}{
		{"disk", func() *lakeLocations { return lakesOnDisk(t) }},
		{"bucket", func() *lakeLocations { return lakesInBucket(t, server) }},
	} {
		t.Run(chain.name, func(t *testing.T) {
			t.Parallel()
			want := suite.Size(5, randomKills)
			k := &randomKiller{exportHarness: newExportHarness(t, bin, chain.places()), rng: rand.New(rand.NewPCG(5, uint64(seed)))}
			kills, batch := 0, 0
			for ; kills < want || batch < minBatches; batch++ {
				kills += k.round(t, batch)
			}
			t.Logf("killed %d times in %d batches; an undisturbed run takes %v", kills, batch, k.usual())
			if len(k.rows(t, "lake").findings) < 5 {
				t.Error("there are hardly any findings to compare")
			}
		})
	}
}

// minBatches is how many batches give enough findings to compare, however often runs were
// killed in the first ones.
const minBatches = 4

// randomKiller kills runs on the lake "lake". The runs on the lake "calm" are undisturbed.
type randomKiller struct {
	*exportHarness
	rng  *rand.Rand
	runs int
	took []time.Duration // by the undisturbed runs
}

// usual is how long an undisturbed run takes.
func (k *randomKiller) usual() time.Duration {
	return slices.Sorted(slices.Values(k.took))[len(k.took)/2]
}

// round adds a batch of log files. It runs and kills exports, and in some rounds
// compactions, until each has reached its end once. It returns the number of kills.
func (k *randomKiller) round(t *testing.T, batch int) (kills int) {
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

func (k *randomKiller) undisturbed(t *testing.T, verb string) rows {
	t.Helper()
	k.runs++
	begun := time.Now()
	if o := k.run(t, runTime(k.runs), k.args(verb, "calm")...); o.code != exitComplete && o.code != exitSkipped {
		t.Fatalf("undisturbed %s: %v", verb, o)
	}
	k.took = append(k.took, time.Since(begun))
	return k.rows(t, "calm")
}

// shortLived runs a command and kills it after a random time. The time may be longer than
// the command takes.
func (k *randomKiller) shortLived(t *testing.T, verb string) outcome {
	t.Helper()
	for {
		k.runs++
		life := time.Duration(k.rng.Int64N(int64(k.usual() * 5 / 4)))
		ctx, cancel := context.WithTimeout(t.Context(), life)
		defer cancel()
		var out lockedBuffer
		like := k.command(t, &out, runTime(k.runs), 0, "", k.args(verb, "lake")...)
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
