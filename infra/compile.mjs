// Compiles the .py files below a folder with the Python that the functions run on: CPython 3.13, as WebAssembly. So it
// needs no Python 3.13 on this machine. Usage: node compile.mjs FOLDER OURS…, where OURS are folders in it whose
// sources stay: their .pyc go to __pycache__, those of all others beside the sources, where they replace them.
import { loadPyodide } from "pyodide";

const [folder, ...ours] = process.argv.slice(2);
const python = await loadPyodide();
python.mountNodeFS("/package", folder);
python.globals.set("ours", python.toPy(ours));
const succeeded = python.runPython(`
import compileall, pathlib, py_compile, sys
assert sys.version_info[:2] == (3, 13), f"the functions run on Python 3.13, this is {sys.version}"
def compile_one(path):
    return compileall.compile_file(
        path,
        stripdir="/package",
        prependdir="/var/task",
        quiet=1,
        force=True,
        legacy=path.relative_to("/package").parts[0] not in ours,
        # by the content and unchecked: the same files make the same package, whatever the time, and none is read twice
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
all([compile_one(path) for path in pathlib.Path("/package").rglob("*.py")])
`);
process.exit(succeeded ? 0 : 1);
