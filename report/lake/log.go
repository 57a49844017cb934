package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// stateVersion is the form of the state that this program writes, header and body.
// What has a lower one can be read, and is the business of the body's owner to
// bring forward; what has a higher one is refused.
const stateVersion = 2

const (
	generationPrefix = "generation-"
	generationSuffix = ".jsonl"
	maxGeneration    = 9_999_999_999 // ten digits
	maxHeader        = 64 << 10      // bytes
	sumField         = `,"sha256":"`
	sumEnd           = `"}`
)

// Log is a state as a row of generations, each an immutable object named
// generation-NNNNNNNNNN.jsonl; the highest is the current one. The first line
// is a JSON object whose last field is the SHA-256 of the whole with that
// field's 64 digits left out, in all versions; behind it comes the body, which
// means nothing to Log. So any change of a file is noticed.
//
// Every other name in the folder is passed over. Methods may be called from
// several goroutines.
type Log struct {
	Store Store // the state's folder; required
}

// Snapshot is what a Log holds. The zero Snapshot is that of an empty one.
type Snapshot struct {
	Number  int64    // the highest generation that exists; 0: there is none
	From    int64    // the generation that Run, Version and Body are of: below Number if what is above it is damaged
	Version int      // the form of Body
	Run     string   // who made it
	Body    []byte   // the caller's
	Damaged []string // in words: what was passed over and why, the newest first
}

// DamagedError is a state of which no generation is whole. Starting anew, which
// files again what the lake may hold, is for people to decide.
type DamagedError struct {
	Name    string   // the state's folder
	Damaged []string // in words, the newest first
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read state %q: no generation is whole: %s", e.Name, strings.Join(e.Damaged, "; "))
}

// NewerError is a state that a newer program wrote.
type NewerError struct {
	Name    string // the generation's object
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("read state %q: it has version %d, and this program knows none above %d", e.Name, e.Version, stateVersion)
}

type logHeader struct {
	Version    int    `json:"trailgate_state"`
	Generation int64  `json:"generation"`
	Run        string `json:"run"`
	Bytes      int    `json:"bytes"`
	Sum        string `json:"sha256"`
}

func generationName(n int64) string {
	return fmt.Sprintf("%s%010d%s", generationPrefix, n, generationSuffix)
}

// parseGeneration reads the number off a name; false: it is none of ours.
func parseGeneration(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, generationPrefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, generationSuffix); !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n > 0 && name == generationName(n)
}

// encodeGeneration makes a file. The sum covers the header too.
func encodeGeneration(h logHeader, body []byte) ([]byte, error) {
	h.Sum = ""
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	head := strings.TrimSuffix(string(line), sumEnd)
	data := make([]byte, 0, len(line)+2*sha256.Size+1+len(body))
	data = append(data, head...)
	data = append(data, generationSum(line, body)...)
	data = append(data, sumEnd+"\n"...)
	return append(data, body...), nil
}

// generationSum sums up a header line without the digits of its sum, and what
// follows it.
func generationSum(line, body []byte) string {
	h := sha256.New()
	h.Write(line)
	h.Write([]byte{'\n'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// decodeGeneration takes a file apart. The errors say what is wrong with it;
// one of a newer form that is whole is told by its header's version.
func decodeGeneration(data []byte, number int64) (logHeader, []byte, error) {
	line, body, ok := bytes.Cut(data, []byte{'\n'})
	if !ok || len(line) > maxHeader {
		return logHeader{}, nil, errors.New("has no header")
	}
	cut := len(line) - len(sumEnd) - 2*sha256.Size
	if cut < len(sumField) || !bytes.HasSuffix(line[:cut], []byte(sumField)) || !bytes.HasSuffix(line, []byte(sumEnd)) {
		return logHeader{}, nil, errors.New("has no header that ends with a checksum")
	}
	sum := string(line[cut : cut+2*sha256.Size])
	blank := slices.Concat(line[:cut], []byte(sumEnd))
	if got := generationSum(blank, body); got != sum {
		return logHeader{}, nil, describeDamage(line, body)
	}
	var h logHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return logHeader{}, nil, fmt.Errorf("has a header that is no JSON: %w", err)
	}
	switch {
	case h.Version < 1:
		return logHeader{}, nil, fmt.Errorf("has version %d", h.Version)
	case h.Version > stateVersion:
		return h, nil, nil
	case h.Generation != number:
		return logHeader{}, nil, fmt.Errorf("says that it is generation %d", h.Generation)
	case h.Bytes != len(body):
		return logHeader{}, nil, fmt.Errorf("has %d bytes behind its header, not %d", len(body), h.Bytes)
	}
	return h, body, nil
}

// describeDamage says how a file whose checksum is wrong differs, as far as one can see.
func describeDamage(line, body []byte) error {
	var h logHeader
	if err := json.Unmarshal(line, &h); err == nil && len(body) < h.Bytes {
		return fmt.Errorf("is cut off: %d of %d bytes behind its header", len(body), h.Bytes)
	}
	return errors.New("was changed: its checksum does not fit")
}

// listNumbers lists the generations behind after, in rising order.
func (l *Log) listNumbers(ctx context.Context, after int64) ([]int64, error) {
	behind := ""
	if after > 0 {
		behind = generationName(after)
	}
	var all []int64
	for item, err := range l.Store.List(ctx, generationPrefix, behind) {
		if err != nil {
			return nil, err
		}
		if n, ok := parseGeneration(item.Key); ok {
			all = append(all, n)
		}
	}
	return all, nil
}

// Empty tells whether there is no generation at all.
func (l *Log) Empty(ctx context.Context) (bool, error) {
	all, err := l.listNumbers(ctx, 0)
	return len(all) == 0, err
}

// Latest reads the highest generation, or, where that is damaged, the highest
// that is whole. None whole: *DamagedError. A newer program's: *NewerError,
// which is never passed over.
func (l *Log) Latest(ctx context.Context) (Snapshot, error) {
	all, err := l.listNumbers(ctx, 0)
	if err != nil || len(all) == 0 {
		return Snapshot{}, err
	}
	snap := Snapshot{Number: all[len(all)-1]}
	for _, n := range slices.Backward(all) {
		name := generationName(n)
		data, _, err := l.Store.Get(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			// Another run prunes, so it has committed something newer.
			return Snapshot{}, fmt.Errorf("read state %q: it was pruned while it was read: %w", l.Store.Name(name), ErrLost)
		}
		if err != nil {
			return Snapshot{}, err
		}
		h, body, err := decodeGeneration(data, n)
		if err != nil {
			snap.Damaged = append(snap.Damaged, fmt.Sprintf("%s %v", name, err))
			continue
		}
		if h.Version > stateVersion {
			return Snapshot{}, &NewerError{Name: l.Store.Name(name), Version: h.Version}
		}
		snap.From, snap.Version, snap.Run, snap.Body = n, h.Version, h.Run, body
		return snap, nil
	}
	return Snapshot{}, &DamagedError{Name: l.Store.Name(""), Damaged: snap.Damaged}
}

// Commit makes a generation: it stands from the moment that the object does. It
// gives ErrLost, wrapped, if another run has made it, or one above it. After
// another error it is open whether the generation stands; Latest tells. What
// was committed already, byte for byte, is success.
func (l *Log) Commit(ctx context.Context, number int64, run string, body []byte) error {
	if number < 1 || number > maxGeneration || run == "" {
		return fmt.Errorf("commit generation %d of run %q: no such generation", number, run)
	}
	data, err := encodeGeneration(logHeader{Version: stateVersion, Generation: number, Run: run, Bytes: len(body)}, body)
	if err != nil {
		return err
	}
	if cut := bytes.IndexByte(data, '\n'); cut > maxHeader {
		return fmt.Errorf("commit generation %d: the run's name has %d bytes", number, len(run))
	}
	name := generationName(number)
	_, err = l.Store.Put(ctx, name, data, Absent())
	if errors.Is(err, ErrConflict) {
		return l.lostError(number, number)
	}
	if err != nil {
		return err
	}
	// The number may have been made by another and pruned since: then there
	// is a higher one, for the newest is never pruned.
	above, err := l.listNumbers(ctx, number)
	if err != nil {
		return err
	}
	if len(above) > 0 {
		return l.lostError(number, above[0])
	}
	return nil
}

func (l *Log) lostError(number, there int64) error {
	return fmt.Errorf("commit generation %d to %q: there is generation %d: %w", number, l.Store.Name(""), there, ErrLost)
}

// Prune deletes all generations but those with the highest numbers, keep of
// them, whole or not; the highest always stays.
func (l *Log) Prune(ctx context.Context, keep int) error {
	all, err := l.listNumbers(ctx, 0)
	if err != nil {
		return err
	}
	for _, n := range all[:max(0, len(all)-max(keep, 1))] {
		if err := l.Store.Delete(ctx, generationName(n)); err != nil {
			return err
		}
	}
	return nil
}
