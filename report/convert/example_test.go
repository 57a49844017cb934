package convert_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest"
	"trailgate/ingest/local"
	"trailgate/report"
	"trailgate/report/convert"
	"trailgate/report/row"
)

// From a folder of log files to the content of findings.csv.
func Example() {
	merged, err := ingest.Merge(context.Background(), ingest.Window{}, &local.Source{Path: "testdata/trail"})
	if err != nil {
		log.Fatal(err)
	}
	var classifier analyzer.Classifier
	var detector detect.Detector
	for event := range merged.Events() {
		detector.Add(&event, classifier.Classify(event))
	}
	csv, _ := report.FindFormat(report.Formats(), "csv")
	found := report.Report{Findings: convert.Findings(detector.Findings())}
	var file bytes.Buffer
	if err := report.Write(&file, csv, found, report.Options{Rows: row.Findings}); err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(file.String()) {
		fmt.Println(strings.Split(line, ",")[:3])
	}
	// Output:
	// [finding_id rule severity]
	// [f-be8028051f495970874e root.signin medium]
	// [f-6d8c3aaa19c23db8e0ea mfa.absent low]
}
