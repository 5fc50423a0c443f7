"""The gates that `make test` passes first: notebooks and modules say the same, notebooks are clean, tables can be parameterised.

The nbdev commands work on a copy, so that a failing gate never overwrites anybody's edit.
"""
import os, shutil, subprocess, sys, tempfile
from pathlib import Path
import nbformat

ROOT = Path(__file__).resolve().parent.parent

def notebooks(root, tables=None):
    "Notebooks below nbs/ in order, drafts (`_name`) and checkpoints left out; `tables` True or False selects one kind."
    found = (p for p in sorted(Path(root, 'nbs').rglob('*.ipynb')) if not any(s.startswith(('_', '.')) for s in p.relative_to(root).parts))
    return [p for p in found if tables is None or ('tables' in p.parts) == tables]

def contents(root):
    "Relative path -> bytes of every notebook and of every file of the package."
    files = [*notebooks(root), *Path(root, 'skelalign').rglob('*.py')]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}

def after(root, command, fresh=False):
    "`contents` of a copy of root in which an nbdev command ran; fresh: without the modules, so that one no notebook makes shows."
    with tempfile.TemporaryDirectory() as tmp:
        for name, data in contents(root).items():
            if fresh and name.startswith('skelalign/') and not name.endswith('/__init__.py'): continue
            target = Path(tmp, name); target.parent.mkdir(parents=True, exist_ok=True); target.write_bytes(data)
        shutil.copy(Path(root, 'settings.ini'), tmp)
        env = {k: v for k, v in os.environ.items() if k not in ('IN_TEST', 'PYTHONPATH')}
        run = subprocess.run([Path(sys.executable).parent/command], cwd=tmp, env=env, capture_output=True, text=True)
        if run.returncode: raise RuntimeError(f'{command} stopped: {(run.stderr or run.stdout).strip()[-2000:].replace(tmp, ".")}')
        return contents(tmp)

def differences(old, new):
    "Names that an nbdev command would change, add or remove."
    return [(name, 'changes' if name in old and name in new else 'adds' if name in new else 'removes')
            for name in sorted(old | new) if old.get(name) != new.get(name)]

def readable_gate(root=ROOT):
    "Every notebook can be read."
    def fault(path):
        try: nbformat.validate(nbformat.read(path, 4)) # nbformat's own errors carry the whole file: their kind says enough
        except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as e: return f'{path.relative_to(root).as_posix()} is not a notebook: {type(e).__name__}: {str(e).splitlines()[0][:100] if str(e) else ""}'
    return [f for f in map(fault, notebooks(root)) if f]

def export_gate(root=ROOT):
    "nbdev_export leaves no diff."
    return [f'nbdev_export {verb} {name}: the notebook is the source and the module is not what it says; carry an edit of the module over '
            'into the notebook, then run .venv/bin/nbdev_export' for name, verb in differences(contents(root), after(root, 'nbdev_export', fresh=True))]

def clean_gate(root=ROOT):
    "nbdev_clean leaves no diff."
    return [f'nbdev_clean {verb} {name}: run .venv/bin/nbdev_clean before you commit' for name, verb in differences(contents(root), after(root, 'nbdev_clean'))]

def parameters_gate(root=ROOT):
    "Every table notebook keeps exactly one cell tagged `parameters`."
    found = {p: sum('parameters' in c.metadata.get('tags', []) for c in nbformat.read(p, 4).cells if c.cell_type == 'code') for p in notebooks(root, tables=True)}
    return [f'{p.relative_to(root).as_posix()} has {n} code cells tagged parameters, expected exactly one: papermill sets a table\'s parameters there'
            for p, n in found.items() if n != 1]

def main():
    failed = False
    for gate in (readable_gate, export_gate, clean_gate, parameters_gate):
        if failed and gate is export_gate: break # nothing can be said about notebooks that cannot be read
        try: problems = gate()
        except (RuntimeError, OSError, ValueError) as e: problems = [str(e)]
        print(f'{"FAILED" if problems else "ok    "}  {gate.__doc__}', *problems, sep='\n        ', flush=True)
        failed |= bool(problems)
    sys.exit(failed)

if __name__ == '__main__': main()
