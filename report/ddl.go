package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Dialect names the language of an engine that reads the lake. Its text is the
// value of --ddl.
type Dialect string

// The dialects.
const (
	Athena Dialect = "athena"
	DuckDB Dialect = "duckdb"
	Spark  Dialect = "spark"
)

// Lake says where the files of a lake lie.
type Lake struct {
	Location  string // a folder or s3://BUCKET[/PREFIX]; the table is the folder of its kind in it
	ByAccount bool   // divided by account_id within event_date, too
}

// WriteDDL writes the statement that makes a table of a lake known to an
// engine, from the same list of columns as the files. Only signins and findings
// are tables of a lake. Athena and Spark create a table, DuckDB a view, since
// it keeps no catalogue of files. A location that the engine would take for
// something else than a location is an error, and so is one with characters
// that do not show.
func WriteDDL(w io.Writer, d Dialect, k Kind, l Lake) error {
	if k != SignIns && k != Findings {
		return fmt.Errorf("write ddl: rows %q: no table of the lake", string(k))
	}
	location, err := l.folder(d, k)
	if err != nil {
		return fmt.Errorf("write ddl: %w", err)
	}
	t := ddlTable{name: string(k), location: location, columns: Columns(k), parts: []string{"event_date"}}
	if l.ByAccount {
		t.parts = append(t.parts, "account_id")
	}
	var text string
	switch d {
	case Athena:
		text = t.athena()
	case DuckDB:
		text = t.duckDB()
	case Spark:
		text = t.spark()
	default:
		return fmt.Errorf("write ddl: no dialect %q", string(d))
	}
	_, err = io.WriteString(w, text)
	return err
}

// folder is where the files of a table lie, without a slash at its end.
func (l Lake) folder(d Dialect, k Kind) (string, error) {
	for _, r := range l.Location {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return "", fmt.Errorf("location %q: holds a character that does not show", l.Location)
		}
	}
	switch {
	case l.Location == "":
		return "", fmt.Errorf("location %q: there is none", l.Location)
	case d == Athena && !strings.HasPrefix(l.Location, "s3://"):
		return "", fmt.Errorf("location %q: athena reads s3://BUCKET[/PREFIX] only", l.Location)
	case d == DuckDB && strings.ContainsAny(l.Location, "*?["):
		return "", fmt.Errorf("location %q: duckdb takes *, ? and [ for patterns", l.Location)
	case d != DuckDB && strings.Contains(l.Location, "${"):
		return "", fmt.Errorf("location %q: %s takes ${ for a variable", l.Location, d)
	}
	return strings.TrimRight(l.Location, "/") + "/" + string(k), nil
}

// ddlTable is one table to be told of.
type ddlTable struct {
	name     string
	location string
	columns  []Column
	parts    []string // columns that the folders have the values of
}

// whole and divided are the columns that are in the files alone, and those that
// are in the names of folders.
func (t *ddlTable) whole() []Column {
	var all []Column
	for _, c := range t.columns {
		if !t.divides(c) {
			all = append(all, c)
		}
	}
	return all
}

func (t *ddlTable) divided() []Column {
	var all []Column
	for _, name := range t.parts {
		for _, c := range t.columns {
			if c.Name == name {
				all = append(all, c)
			}
		}
	}
	return all
}

func (t *ddlTable) divides(c Column) bool {
	for _, name := range t.parts {
		if c.Name == name {
			return true
		}
	}
	return false
}

// athena is in the language of Apache Hive, in which partition columns are
// stated apart. Partition projection
// (https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html)
// spares a run over new folders, but cannot tell which accounts there are.
func (t *ddlTable) athena() string {
	var b strings.Builder
	if len(t.parts) > 1 {
		fmt.Fprintf(&b, "-- Afterwards, and again whenever a day or an account is new: MSCK REPAIR TABLE `%s`;\n", t.name)
	}
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS `%s` (\n%s\n)\n", t.name, definitions(t.whole(), hiveType))
	fmt.Fprintf(&b, "PARTITIONED BY (\n%s\n)\n", definitions(t.divided(), hiveType))
	fmt.Fprintf(&b, "STORED AS PARQUET\nLOCATION %s", hiveText(t.location+"/"))
	if len(t.parts) == 1 {
		b.WriteString("\nTBLPROPERTIES (\n" +
			"  'projection.enabled' = 'true',\n" +
			"  'projection.event_date.type' = 'date',\n" +
			"  'projection.event_date.format' = 'yyyy-MM-dd',\n" +
			"  'projection.event_date.range' = '2013-01-01,NOW'\n)") // CloudTrail is not older
	}
	b.WriteString(";\n")
	return b.String()
}

// spark has partition columns among the others.
func (t *ddlTable) spark() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS `%s` (\n%s\n)\n", t.name, definitions(append(t.whole(), t.divided()...), sparkType))
	fmt.Fprintf(&b, "USING PARQUET\nPARTITIONED BY (`%s`)\nLOCATION %s;\n", strings.Join(t.parts, "`, `"), hiveText(t.location))
	fmt.Fprintf(&b, "-- Again whenever there are new folders.\nMSCK REPAIR TABLE `%s`;\n", t.name)
	return b.String()
}

// duckDB names the types of the folders' values: left to itself it takes an
// account id for a number.
func (t *ddlTable) duckDB() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE OR REPLACE VIEW \"%s\" AS\nSELECT\n", t.name)
	for i, c := range t.columns {
		end := ","
		if i == len(t.columns)-1 {
			end = ""
		}
		fmt.Fprintf(&b, "  \"%s\"%s\n", c.Name, end)
	}
	types := "'event_date': DATE"
	if len(t.parts) > 1 {
		types += ", 'account_id': VARCHAR"
	}
	fmt.Fprintf(&b, "FROM read_parquet('%s',\n", strings.ReplaceAll(t.location+"/**/*.parquet", "'", "''"))
	fmt.Fprintf(&b, "  hive_partitioning = true, hive_types = {%s}, union_by_name = true);\n", types)
	return b.String()
}

// definitions are the lines that define columns.
func definitions(columns []Column, typeName func(string) string) string {
	var lines []string
	for _, c := range columns {
		lines = append(lines, fmt.Sprintf("  `%s` %s COMMENT %s", c.Name, typeName(c.Type), hiveText(comment(c.Doc))))
	}
	return strings.Join(lines, ",\n")
}

// maxComment is how many characters a column's comment has at most in the Glue
// catalogue (https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html).
const maxComment = 255

// comment is a meaning that a catalogue can keep: not too long, and without the
// semicolon, at which some clients cut statements apart.
func comment(doc string) string {
	const rest = " ..."
	doc = strings.ReplaceAll(doc, ";", ",")
	if utf8.RuneCountInString(doc) <= maxComment {
		return doc
	}
	cut := 0
	for i := range doc {
		if doc[i] == ' ' && utf8.RuneCountInString(doc[:i])+len(rest) <= maxComment {
			cut = i
		}
	}
	return doc[:cut] + rest
}

// hiveText is a literal of Hive and of Spark, where a backslash escapes.
func hiveText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func hiveType(t string) string {
	switch t {
	case typeTime:
		return "timestamp"
	case typeTexts:
		return "array<string>"
	case typeDates:
		return "array<date>"
	}
	return t // the words for the others are the same
}

func sparkType(t string) string { return strings.ToUpper(hiveType(t)) }
