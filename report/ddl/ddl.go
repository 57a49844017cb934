package ddl

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"trailgate/report/internal/columns"
	"trailgate/report/row"
)

// Dialect names an engine that can read the lake, and so the language of the
// statement. Its text is the value of --ddl.
type Dialect string

// The dialects.
const (
	Athena Dialect = "athena"
	DuckDB Dialect = "duckdb"
	Spark  Dialect = "spark"
)

// Lake says where the files of a lake are.
type Lake struct {
	Location  string // a folder or s3://BUCKET[/PREFIX]; each table is a folder in it, named after the kind of its rows
	ByAccount bool   // inside event_date, the files are also divided by account_id
}

// Write writes the statement that makes one table of a lake known to an engine.
//
// A lake has the tables signins and findings; another kind is an error, and so is
// another dialect. Athena and Spark create a table. DuckDB creates a view, because
// it has no catalogue of files. A location is an error if it is empty, if the
// engine would not take it as one, or if it has a character that cannot be seen.
func Write(w io.Writer, d Dialect, k row.Kind, l Lake) error {
	if k != row.SignIns && k != row.Findings {
		return fmt.Errorf("write ddl: rows %q: not a table of the lake", string(k))
	}
	location, err := l.tableFolder(d, k)
	if err != nil {
		return fmt.Errorf("write ddl: %w", err)
	}
	t := tableSpec{name: string(k), location: location, columns: row.Columns(k), partitions: []string{"event_date"}}
	if l.ByAccount {
		t.partitions = append(t.partitions, "account_id")
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

// tableFolder returns the folder of the table k, without a slash at its end. It
// returns an error for a location that Write refuses.
func (l Lake) tableFolder(d Dialect, k row.Kind) (string, error) {
	for _, r := range l.Location {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return "", fmt.Errorf("location %q: has a character that cannot be seen", l.Location)
		}
	}
	switch {
	case l.Location == "":
		return "", fmt.Errorf("location %q: is empty", l.Location)
	case d == Athena && !strings.HasPrefix(l.Location, "s3://"):
		return "", fmt.Errorf("location %q: athena reads s3://BUCKET[/PREFIX] only", l.Location)
	case d == DuckDB && strings.ContainsAny(l.Location, "*?["):
		return "", fmt.Errorf("location %q: duckdb takes *, ? and [ for patterns", l.Location)
	case d != DuckDB && strings.Contains(l.Location, "${"):
		return "", fmt.Errorf("location %q: %s takes ${ for a variable", l.Location, d)
	}
	return strings.TrimRight(l.Location, "/") + "/" + string(k), nil
}

// tableSpec is what a statement says about one table.
type tableSpec struct {
	name       string
	location   string
	columns    []row.Column
	partitions []string // names of the columns whose values are in the names of folders
}

// fileColumns returns the columns that are not partition columns: their values are
// in the files only.
func (t *tableSpec) fileColumns() []row.Column {
	var all []row.Column
	for _, c := range t.columns {
		if !slices.Contains(t.partitions, c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// partitionColumns returns the columns whose values are in the names of folders,
// in the order of the folders.
func (t *tableSpec) partitionColumns() []row.Column {
	var all []row.Column
	for _, name := range t.partitions {
		for _, c := range t.columns {
			if c.Name == name {
				all = append(all, c)
			}
		}
	}
	return all
}

// athena returns a statement in the language of Apache Hive, which lists the
// partition columns apart from the others. With partition projection
// (https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html) Athena
// finds new days without a further statement. It cannot find accounts that way.
func (t *tableSpec) athena() string {
	var b strings.Builder
	if len(t.partitions) > 1 {
		fmt.Fprintf(&b, "-- Run this now, and again for each new day or account: MSCK REPAIR TABLE `%s`;\n", t.name)
	}
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS `%s` (\n%s\n)\n", t.name, columnLines(t.fileColumns(), hiveType))
	fmt.Fprintf(&b, "PARTITIONED BY (\n%s\n)\n", columnLines(t.partitionColumns(), hiveType))
	fmt.Fprintf(&b, "STORED AS PARQUET\nLOCATION %s", hiveText(t.location+"/"))
	if len(t.partitions) == 1 {
		b.WriteString("\nTBLPROPERTIES (\n" +
			"  'projection.enabled' = 'true',\n" +
			"  'projection.event_date.type' = 'date',\n" +
			"  'projection.event_date.format' = 'yyyy-MM-dd',\n" +
			"  'projection.event_date.range' = '2013-01-01,NOW'\n)") // the year in which CloudTrail began
	}
	b.WriteString(";\n")
	return b.String()
}

// spark returns a statement that lists the partition columns with the others.
func (t *tableSpec) spark() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS `%s` (\n%s\n)\n", t.name, columnLines(append(t.fileColumns(), t.partitionColumns()...), sparkType))
	fmt.Fprintf(&b, "USING PARQUET\nPARTITIONED BY (`%s`)\nLOCATION %s;\n", strings.Join(t.partitions, "`, `"), hiveText(t.location))
	fmt.Fprintf(&b, "-- Run this now, and again when there are new folders.\nMSCK REPAIR TABLE `%s`;\n", t.name)
	return b.String()
}

// duckDB returns a statement that states the types of the values in the names of
// folders. Without them DuckDB would take an account id for a number.
func (t *tableSpec) duckDB() string {
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
	if len(t.partitions) > 1 {
		types += ", 'account_id': VARCHAR"
	}
	fmt.Fprintf(&b, "FROM read_parquet('%s',\n", strings.ReplaceAll(t.location+"/**/*.parquet", "'", "''"))
	fmt.Fprintf(&b, "  hive_partitioning = true, hive_types = {%s}, union_by_name = true);\n", types)
	return b.String()
}

// columnLines returns the lines that define columns.
func columnLines(all []row.Column, typeName func(string) string) string {
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("  `%s` %s COMMENT %s", c.Name, typeName(c.Type), hiveText(shortComment(c.Doc))))
	}
	return strings.Join(lines, ",\n")
}

// maxComment is the largest number of characters in the comment of a column in
// the Glue catalogue
// (https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html).
const maxComment = 255

// shortComment makes a comment of a column's meaning. It cuts a text of more than
// maxComment characters at a space and adds " ...". It replaces semicolons by
// commas, because some clients split statements at semicolons.
func shortComment(doc string) string {
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

// hiveText returns a literal of Hive and of Spark. In both a backslash escapes.
func hiveText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func hiveType(t string) string {
	switch t {
	case columns.TypeTime:
		return "timestamp"
	case columns.TypeTexts:
		return "array<string>"
	case columns.TypeDates:
		return "array<date>"
	}
	return t // Hive has the same names for the others
}

func sparkType(t string) string { return strings.ToUpper(hiveType(t)) }
