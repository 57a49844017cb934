package ingest

// The reasons for which objects and folders are left out on purpose. Their
// text is fixed: it stands in outputs, in Coverage.Excluded and
// Coverage.Folders. Package trail adds the kinds of object that hold no
// sign-ins, such as "digest".
const (
	ReasonKnown         = "known"          // an earlier run has dealt with the object
	ReasonOutsideWindow = "outside-window" // its delivery proves that the object holds nothing wanted
	ReasonWrittenOff    = "written-off"    // the user has given up on the object
	ReasonInterrupted   = "interrupted"    // the object was found, but the run ended before it was read
	ReasonListedOnly    = "listed-only"    // a survey lists objects and reads none
	ReasonAccountFilter = "account-filter" // the folder of an account that was not asked for
	ReasonNotSearched   = "not-searched"   // a folder beyond the bounds of the search for a trail
	ReasonIrregular     = "irregular"      // a link, a device or the like
	ReasonHidden        = "hidden"         // a file whose name begins with a dot
	ReasonNotCloudTrail = "not-cloudtrail" // a file in a folder that neither holds CloudTrail records nor has a name that says so
)
