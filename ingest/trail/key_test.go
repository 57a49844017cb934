package trail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/trail"
)

const (
	accountA = "111122223333"
	accountB = "444455556666"
	orgID    = "o-exampleorgid"
)

func day(y int, m time.Month, d int) ingest.Day {
	return ingest.DayOf(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

func TestParseKey(t *testing.T) {
	const file = "111122223333_CloudTrail_us-east-1_20240304T1005Z_AbCdEfGhIjKlMnOp.json.gz"
	stamp := time.Date(2024, 3, 4, 10, 5, 0, 0, time.UTC)
	plain := trail.Key{Account: accountA, Region: "us-east-1", Day: day(2024, 3, 4), Delivered: stamp, File: file}
	with := func(change func(*trail.Key)) trail.Key {
		k := plain
		change(&k)
		return k
	}
	digest := accountA + "_CloudTrail-Digest_us-east-1_main-trail_us-east-1_20240304T100530Z.json.gz"
	cases := []struct {
		name string
		key  string
		want trail.Key
		kind trail.Kind
	}{
		{"account trail", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file, plain, trail.LogFile},
		{"with a prefix", "a b/ü/AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Prefix = "a b/ü/" }), trail.LogFile},
		{"with an empty folder in front", "/AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Prefix = "/" }), trail.LogFile},
		{"organization trail", "AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Org = orgID }), trail.LogFile},
		{"Control Tower", "o-exampleorgid/AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Prefix, k.Org = orgID+"/", orgID }), trail.LogFile},
		{"Control Tower, before", "o-exampleorgid/AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Prefix = orgID + "/" }), trail.LogFile},
		{"AWSLogs as prefix", "AWSLogs/AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Prefix = "AWSLogs/" }), trail.LogFile},
		{"no underscore before the unique part", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/111122223333_CloudTrail_us-east-1_20240304T1005ZAbCdEfGhIjKlMnOp.json.gz",
			with(func(k *trail.Key) {
				k.File = "111122223333_CloudTrail_us-east-1_20240304T1005ZAbCdEfGhIjKlMnOp.json.gz"
			}), trail.LogFile},
		{"Regions disagree: the folder's is kept", "AWSLogs/111122223333/CloudTrail/us-east-2/2024/03/04/" + file,
			with(func(k *trail.Key) { k.Region = "us-east-2" }), trail.LogFile},
		{"unpacked", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + strings.TrimSuffix(file, ".gz"),
			with(func(k *trail.Key) { k.File = strings.TrimSuffix(file, ".gz") }), trail.LogFile},
		{"days disagree", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/05/" + file,
			with(func(k *trail.Key) { k.Day = day(2024, 3, 5) }), trail.LogFile},
		{"leap day", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/02/29/" + file,
			with(func(k *trail.Key) { k.Day = day(2024, 2, 29) }), trail.LogFile},
		{"digest", "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/03/04/" + digest,
			with(func(k *trail.Key) { k.File, k.Delivered = digest, stamp.Add(30*time.Second) }), trail.Digest},
		{"insight", "AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2024/03/04/" + strings.ReplaceAll(file, "CloudTrail", "CloudTrail-Insight"),
			with(func(k *trail.Key) {
				k.File, k.Delivered = strings.ReplaceAll(file, "CloudTrail", "CloudTrail-Insight"), time.Time{}
			}), trail.Insight},

		{"accounts disagree", "AWSLogs/444455556666/CloudTrail/us-east-1/2024/03/04/" + file, trail.Key{}, trail.Other},
		{"account of eleven digits", "AWSLogs/11112222333/CloudTrail/us-east-1/2024/03/04/" + file[1:], trail.Key{}, trail.Other},
		{"no such day", "AWSLogs/111122223333/CloudTrail/us-east-1/2023/02/29/" + file, trail.Key{}, trail.Other},
		{"no such hour", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + strings.Replace(file, "T1005", "T2405", 1),
			with(func(k *trail.Key) { k.File, k.Delivered = strings.Replace(file, "T1005", "T2405", 1), time.Time{} }), trail.LogFile},
		{"no unique part", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/111122223333_CloudTrail_us-east-1_20240304T1005Z_.json.gz", trail.Key{}, trail.Other},
		{"no AWSLogs", "logs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file, trail.Key{}, trail.Other},
		{"organization id too short", "AWSLogs/o-short/111122223333/CloudTrail/us-east-1/2024/03/04/" + file, trail.Key{}, trail.Other},
		{"organization without AWSLogs", "o-exampleorgid/111122223333/CloudTrail/us-east-1/2024/03/04/" + file, trail.Key{}, trail.Other},
		{"Config", "AWSLogs/111122223333/Config/us-east-1/2024/03/04/" + file, trail.Key{}, trail.Other},
		{"a copy beside it", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + file + ".bak", trail.Key{}, trail.Other},
		{"folder marker", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/", trail.Key{}, trail.Other},
		{"nothing", "", trail.Key{}, trail.Other},
		{"digest in the log folder", "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/" + digest, trail.Key{}, trail.Other},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, kind := trail.ParseKey(c.key)
			if diff := cmp.Diff(c.want, got); diff != "" || kind != c.kind {
				t.Errorf("ParseKey(%q): kind %v, want %v (-want +got):\n%s", c.key, kind, c.kind, diff)
			}
			if back := got.Join(kind); kind != trail.Other && back != c.key {
				t.Errorf("Join gives %q, want %q", back, c.key)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	for _, key := range []string{
		"AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/111122223333_CloudTrail_us-east-1_20240304T1005Z_AbCdEfGhIjKlMnOp.json.gz",
		"p/AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-1/2024/03/04/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240304T100530Z_backfill.json.gz",
		"o-exampleorgid/AWSLogs/o-exampleorgid/111122223333/CloudTrail/x-1/0000/01/01/111122223333_CloudTrail_y-2_00000101T0000Zz.json",
		"//////////", "",
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		k, kind := trail.ParseKey(key)
		if kind == trail.Other {
			if k != (trail.Key{}) {
				t.Errorf("a foreign key has parts: %+v", k)
			}
			return
		}
		if back := k.Join(kind); back != key {
			t.Errorf("Join gives %q, want %q", back, key)
		}
		if again, kindAgain := trail.ParseKey(k.Join(kind)); again != k || kindAgain != kind {
			t.Errorf("parsed again: %+v %v, want %+v %v", again, kindAgain, k, kind)
		}
		if len(k.Account) != 12 || !strings.HasPrefix(k.File, k.Account+"_") {
			t.Errorf("account %q and file %q do not fit", k.Account, k.File)
		}
	})
}
