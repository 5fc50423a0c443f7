"The notebooks as static web pages in _docs/, with an index: nbconvert alone, nothing is run."
import html, re, shutil, sys
from pathlib import Path
import nbformat
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parent.parent
NBS, DOCS = ROOT/'nbs', ROOT/'_docs'
DIRECTIVE = re.compile(r'^\s*#\s*\|.*\n?', re.M)
PAGE = '''<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>skelalign</title>
<style>body {{ max-width: 46em; margin: 3em auto; padding: 0 1em; font: 16px/1.5 system-ui, sans-serif }} td {{ padding: .2em 1em .2em 0; vertical-align: top }}</style></head>
<body><h1>skelalign</h1><p>{about}</p>{parts}</body></html>'''

def shown(nb, up):
    "The notebook as a reader wants it: no hidden cells, no directives, links to pages, a way back."
    nb.cells = [c for c in nb.cells if c.cell_type != 'raw' and not re.search(r'^\s*#\s*\|\s*(hide|default_exp)\b', c.source, re.M)]
    for c in nb.cells:
        if c.cell_type == 'code': c.source = DIRECTIVE.sub('', c.source).lstrip('\n')
        elif c.cell_type == 'markdown': c.source = re.sub(r'(\]\((?![a-z]+:)[^)\s#]+)\.ipynb', r'\1.html', c.source)
    nb.cells.insert(0, nbformat.v4.new_markdown_cell(f'[all pages]({up}index.html)', id='top')) # the ids of a page's cells must differ
    return nb

def headline(nb):
    "Title and the sentence under it."
    first = next((c.source for c in nb.cells if c.cell_type == 'markdown'), '')
    title, said = re.search(r'^# (.+)', first, re.M), re.search(r'^> (.+)', first, re.M)
    return (title[1] if title else 'untitled'), (said[1] if said else '')

def rows(pages):
    text = lambda s: re.sub(r'\*\*(.+?)\*\*', r'<b>\1</b>', re.sub(r'`(.+?)`', r'<code>\1</code>', html.escape(s)))
    return '<table>' + ''.join(f'<tr><td><a href="{link}">{text(title)}</a></td><td>{text(said)}</td></tr>' for link, title, said in pages) + '</table>'

def main():
    shutil.rmtree(DOCS, ignore_errors=True); exporter, parts = HTMLExporter(), {'Notebooks': [], 'Tables': []}
    for path in sorted(NBS.rglob('*.ipynb')):
        where = path.relative_to(NBS)
        if any(p.startswith(('_', '.')) for p in where.parts): continue
        nb = nbformat.read(path, 4); title, said = headline(nb); page = DOCS/where.with_suffix('.html')
        body, _ = exporter.from_notebook_node(shown(nb, '../' * (len(where.parts) - 1)), resources={'metadata': {'name': title}})
        page.parent.mkdir(parents=True, exist_ok=True); page.write_text(body, encoding='utf-8')
        parts['Tables' if len(where.parts) > 1 else 'Notebooks'].append((where.with_suffix('.html').as_posix(), title, said))
    about = re.search(r'^> (.+)', (ROOT/'README.md').read_text(encoding='utf-8'), re.M)
    listed = ''.join(f'<h2>{part}</h2>{rows(pages)}' for part, pages in parts.items() if pages)
    (DOCS/'index.html').write_text(PAGE.format(about=html.escape(about[1] if about else ''), parts=listed), encoding='utf-8')
    broken = [f'{p.relative_to(DOCS)}: {t}' for p in DOCS.rglob('*.html') for t in re.findall(r'href="([^"#:]+\.html)(?:#[^"]*)?"', p.read_text(encoding='utf-8')) if not (p.parent/t).exists()]
    if broken: sys.exit('these links lead nowhere:\n' + '\n'.join(broken))
    print(f'{sum(map(len, parts.values()))} pages; open {DOCS.relative_to(ROOT)}/index.html')

if __name__ == '__main__': main()
