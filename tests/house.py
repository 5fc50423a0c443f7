"The rules of the house as functions: each returns a list of problems, one sentence each, empty when all is well."
import ast, inspect, json, re, textwrap, tokenize
from importlib import import_module
from io import StringIO
from pathlib import Path
import nbformat

OUTPUT_BYTES   = 100_000 # of all outputs of one notebook
EXPORT_LINES   = 25      # of one exported cell, blank lines and directives not counted
MODULE_LINES   = 450
FILE_BYTES     = 1_000_000
MACHINE_PATH   = re.compile(r'(?<![\w./:~-])/(?:home|root|work|tmp|Users|mnt|private/var)/[\w.-]+')
INSTALLS       = re.compile(r'^\s*[!%]\s*(?:pip|conda|mamba|uv|apt|apt-get|wget|curl)\b', re.M)
DIRECTIVE      = re.compile(r'^\s*#\s*\|\s*(\w+)', re.M)
LINK           = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
FOREIGN        = ('.mat', '.mp4', '.avi', '.mov', '.mkv', '.webm', '.npz', '.npy', '.pkl', '.pickle', '.h5', '.hdf5', '.pt', '.pth', '.ckpt',
                  '.safetensors', '.onnx', '.zip', '.gz', '.tgz', '.tar', '.7z', '.trc', '.c3d', '.bvh', '.parquet', '.jpg', '.jpeg')

def read(path):
    "Code cells, then markdown cells of a notebook."
    cells = nbformat.read(path, 4).cells
    return [c for c in cells if c.cell_type == 'code'], [c for c in cells if c.cell_type == 'markdown']

def directives(source): return set(DIRECTIVE.findall(source))
def is_export(source): return any(d.startswith('export') for d in directives(source))
def module_of(path):
    "Name after `#| default_exp`, None for a notebook that exports nothing."
    found = re.search(r'^\s*#\s*\|\s*default_exp\s+(\S+)', '\n'.join(c.source for c in read(path)[0]), re.M)
    return found and found[1]

# --- floors ---------------------------------------------------------------------------------------------------------
def number(path):
    "`nbs/32_protocols.ipynb` -> 32; None without a number (tables stand on top of everything)."
    found = re.match(r'(\d+)_', Path(path).name)
    return found and int(found[1])

def imports(source, package='skelalign'):
    "Modules of the package that source imports, anywhere in it."
    source = re.sub(r'^(\s*)[%!].*$', r'\1pass', source, flags=re.M) # a notebook's magics are no python
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import): names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(filter(None, [package if node.level else '', node.module]))
            names = [f'{base}.{a.name}' for a in node.names] if base == package else [base]
        else: continue
        yield from (n.split('.')[1] for n in names if n.startswith(package + '.'))

def floors(sources, numbers):
    "sources: name -> (number, python source, own module); numbers: module -> number. A source imports from lower numbers only."
    return [f'{name} ({n:02d}) imports skelalign.{m}, ' + (f'which has the number {numbers[m]:02d}: import only from lower ones' if m in numbers else 'which no notebook makes')
            for name, (n, source, own) in sources.items() for m in sorted(set(imports(source)))
            if not m.startswith('_') and m != own and numbers.get(m, n) >= n]

# --- one notebook ---------------------------------------------------------------------------------------------------
def output_texts(cell):
    for o in cell.get('outputs', []):
        yield from (o.get('text', ''), '\n'.join(o.get('traceback', [])))
        yield from (v if isinstance(v, str) else json.dumps(v) for k, v in o.get('data', {}).items() if not k.startswith('image/') or 'svg' in k)

def outputs(path):
    "Small, without errors, machine paths and widget state."
    code, _ = read(path); size = sum(len(json.dumps(c.get('outputs', []))) for c in code)
    if size > OUTPUT_BYTES: yield f'outputs take {size // 1000} kB, allowed are {OUTPUT_BYTES // 1000}'
    if 'widgets' in nbformat.read(path, 4).metadata: yield 'widget state is saved in the metadata'
    for c in code:
        for o in c.get('outputs', []):
            if o.output_type == 'error': yield f'cell {c.id} has a saved error: {o.ename}'
            if any('widget' in k for k in o.get('data', {})): yield f'cell {c.id} has a widget as output'
        for found in {m[0] for text in output_texts(c) for m in MACHINE_PATH.finditer(text)}: yield f'the output of cell {c.id} has the machine path {found}'

def sources(path):
    "No machine path, no install, no download from a shell."
    code, text = read(path)
    for c in code + text:
        for found in {m[0] for m in MACHINE_PATH.finditer(c.source)}: yield f'cell {c.id} has the machine path {found}'
    for c in code:
        for found in INSTALLS.findall(c.source): yield f'cell {c.id} says {found.strip()!r}: a notebook installs and downloads nothing'

def cells(path):
    "What is exported comes in short cells and is tested in the same notebook."
    code, _ = read(path); exported = [c for c in code if is_export(c.source)]
    for c in exported:
        n = sum(bool(l.strip()) and not DIRECTIVE.match(l) for l in c.source.splitlines())
        if n > EXPORT_LINES: yield f'exported cell {c.id} has {n} lines, allowed are {EXPORT_LINES}'
    if exported and not any(re.search(r'\bassert\b|\btest_\w+\(', c.source) for c in code if not is_export(c.source)): yield 'exports something and tests nothing'

def opening(path):
    "Begins with `# Title` and says in one line `> what it is`."
    _, text = read(path); first = text[0].source if text else ''
    if not first.startswith('# '): yield 'does not begin with `# Title`'
    elif not re.search(r'^> \S', first, re.M): yield 'has no `> one sentence` under its title'

def links(path, text=None):
    "Relative links lead somewhere."
    text = '\n'.join(c.source for c in read(path)[1]) if text is None else text
    for target in LINK.findall(text):
        if re.match(r'[a-z]+:|#|attachment:', target): continue
        if not (Path(path).parent/target.split('#')[0]).exists(): yield f'links to {target}, which is not there'

RULES = (outputs, sources, cells, opening, links)

# --- one module -----------------------------------------------------------------------------------------------------
def uncommented(f):
    "Parameters on a line of the signature without a comment (docments); a comment speaks for every parameter of its line."
    lines = textwrap.dedent(inspect.getsource(f)); args = ast.parse(lines).body[0].args
    said = {t.start[0] for t in tokenize.generate_tokens(StringIO(lines).readline) if t.type == tokenize.COMMENT}
    return [a.arg for a in args.posonlyargs + args.args + args.kwonlyargs if a.lineno not in said]

def undocumented(module):
    "Public functions and classes without docstring, public functions' parameters without a comment."
    for name in getattr(module, '__all__', []):
        f = inspect.unwrap(getattr(module, name))
        if not (inspect.isfunction(f) or inspect.isclass(f)) or f.__module__ != module.__name__ or f.__name__ == '<lambda>': continue
        doc = (vars(f).get('__doc__') if inspect.isclass(f) else f.__doc__) or ''
        if not doc.strip() or doc.startswith(f'{name}('): yield f'{name} has no docstring' # dataclass writes `Name(field, ...)` itself
        if inspect.isfunction(f): yield from (f'{name}: parameter {p} has no comment on its line' for p in uncommented(f))

def shape_calls(source):
    "`.view` and `.permute`: einops says what happens to the axes."
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ('view', 'permute'):
            yield f'line {node.lineno} calls .{node.func.attr}: use einops'

def module(path, package='skelalign'):
    source = Path(path).read_text(encoding='utf-8'); n = len(source.splitlines())
    if n > MODULE_LINES: yield f'has {n} lines, allowed are {MODULE_LINES}: two ideas?'
    yield from (f'has the machine path {m[0]}' for m in MACHINE_PATH.finditer(source))
    yield from shape_calls(source)
    yield from undocumented(import_module(f'{package}.{Path(path).stem}'))

# --- the whole repository -------------------------------------------------------------------------------------------
def foreign(root, names):
    "Files that look like somebody's data, videos or weights, or are simply too large."
    for name in names:
        p = Path(root, name)
        shipped = name.startswith('skelalign/weights/') and name.endswith('/model.safetensors') and p.stat().st_size < 5e6 # trained on simulated motion only, see 38_pretrained
        if name.lower().endswith(FOREIGN) and not shipped: yield f'{name}: data, videos and weights are not committed'
        elif not shipped and p.is_file() and p.stat().st_size > FILE_BYTES: yield f'{name} has {p.stat().st_size // 1000} kB, allowed are {FILE_BYTES // 1000}'
