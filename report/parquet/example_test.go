package parquet_test

import (
	"bytes"
	"fmt"
	"log"
	"slices"
	"time"

	"trailgate/report/parquet"
	"trailgate/report/row"
)

// Writes two sign-ins as a Parquet file and reads them back.
func Example() {
	first := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	rows := []row.SignIn{
		{EventTime: first, EventID: "e-1", Principal: "111122223333/user/alice", Endpoint: "global"},
		{EventTime: first.Add(time.Hour), EventID: "e-2", Principal: "111122223333/user/bob", Endpoint: "eu-north-1"},
	}
	var file bytes.Buffer
	if err := parquet.Write(&file, slices.Values(rows), parquet.Options{Bloom: []string{"event_id"}}); err != nil {
		log.Fatal(err)
	}
	data := bytes.NewReader(file.Bytes())
	for r, err := range parquet.Read[row.SignIn](data, data.Size()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.EventTime.Format(time.RFC3339), r.EventID, r.Principal, r.Endpoint)
	}
	// Output:
	// 2026-03-01T10:00:00Z e-1 111122223333/user/alice global
	// 2026-03-01T11:00:00Z e-2 111122223333/user/bob eu-north-1
}
