package convert

import "trailgate/ingest"

// reasonListedOnly is the reason under which a survey counts the objects that it
// lists and does not read.
const reasonListedOnly = "listed-only"

// causeMeanings returns for each cause of a skip the words that people read.
func causeMeanings() map[string]string {
	return map[string]string{
		string(ingest.CauseDenied):    "the store refused access to it",
		string(ingest.CauseVanished):  "deleted between listing and reading",
		string(ingest.CauseTransport): "not fetched completely, even after retries",
		string(ingest.CauseTruncated): "the gzip stream ends early",
		string(ingest.CauseCorrupt):   "not a gzip stream, or its checksum is wrong",
		string(ingest.CauseTrailing):  "bytes after the end of the gzip stream",
		string(ingest.CauseEmpty):     "no bytes at all",
		string(ingest.CauseTooLarge):  "larger than the size limit after inflating",
		string(ingest.CauseBroken):    "not JSON, or not from some point on",
		string(ingest.CauseUnknown):   "not a known form of CloudTrail records",
		string(ingest.CauseThrottled): "refused because of the request rate",
		string(ingest.CauseListing):   "a folder could not be listed",
		string(ingest.CauseSource):    "a whole source failed",
		string(ingest.CauseNoID):      "a sign-in without eventID",
		string(ingest.CauseNoTime):    "a sign-in without a readable eventTime",
		string(ingest.CauseRecord):    "a sign-in whose record is broken or incomplete",
	}
}

// CauseCounts returns counts of skips by the text of their cause. It is never nil.
func CauseCounts(m map[ingest.Cause]int) map[string]int {
	out := map[string]int{}
	for cause, n := range m {
		out[string(cause)] = n
	}
	return out
}
