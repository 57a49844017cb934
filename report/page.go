package report

// pageText is the template of the page. The page loads nothing from elsewhere.
const pageText = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{- range .Parts}}
<section>
{{- if .Title}}
<h2>{{.Title}}</h2>
{{- end}}
{{- range .Lines}}
<p{{if .Class}} class="{{.Class}}"{{end}}>{{.Text}}</p>
{{- end}}
{{- if .Head}}
<div class="table"><table>
<thead><tr>{{range .Head}}<th scope="col"{{if .Class}} class="{{.Class}}"{{end}}>{{.Text}}</th>{{end}}</tr></thead>
<tbody>
{{- range .Rows}}
<tr>{{range .}}<td{{if .Class}} class="{{.Class}}"{{end}}>{{.Text}}</td>{{end}}</tr>
{{- end}}
</tbody>
</table></div>
{{- end}}
{{- if .More}}
<p>{{call .More}}</p>
{{- end}}
</section>
{{- end}}
{{- if .Foot}}
<footer>{{.Foot}}</footer>
{{- end}}
</body>
</html>
`

// pageStyle is the only style sheet of the page. The content security policy of
// the page has its hash, so no other style sheet can be used.
const pageStyle = `
:root { color-scheme: light dark; --ink: #1d2329; --paper: #ffffff; --line: #d5dae0; --head: #f1f3f5; --good: #1a6b34; --warn: #8a5a00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe3e8; --paper: #14181c; --line: #363d45; --head: #20262c; --good: #6fcf8b; --warn: #e3b341; --bad: #ff8f85; }
}
body { margin: 2rem auto; max-width: 110rem; padding: 0 1.5rem; color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; max-width: 80rem; overflow-wrap: anywhere; }
.strong { font-weight: 600; }
.good { color: var(--good); }
.warn { color: var(--warn); }
.bad { color: var(--bad); font-weight: 600; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9em; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: var(--head); white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
footer { margin-top: 3rem; font-size: .85em; opacity: .75; }
`
