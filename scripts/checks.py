"""The house rules that no linter knows: what must not be written here, each with the reason.

`python -m scripts.checks` reads every file of the checkout and prints `path:line: what is wrong`.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("config", "tenants", "billing", "shared_apps", "tenant_apps")
SKIPPED = {".git", ".venv", "var", "__pycache__", "node_modules", "locale"}
Finding = tuple[int, str]

# django-tenants' own switches keep their state where threads share it; scope.tenant() is the one door (I4).
SWITCHES = {"set_schema", "set_tenant", "set_schema_to_public", "schema_context", "tenant_context"}
MODEL_SIGNALS = "django.db.models.signals"
VAGUE_NAMES = {"utils", "helpers", "services", "misc", "common"}
# What makes two servers differ after the same migration, and what a distributed PostgreSQL refuses.
VOLATILE = re.compile(
    r"\b(INHERITS|CREATE\s+RULE|MATERIALI[SZ]ED\s+VIEW|MERGE\s+INTO)\b"
    r"|\b(now|random|clock_timestamp|gen_random_uuid|uuidv7|nextval)\s*\(",
    re.IGNORECASE,
)
VOLATILE_DEFAULTS = {"now", "uuid4", "uuid1", "random", "token_urlsafe"}
ADDRESS_FIELDS = {"GenericIPAddressField", "IPAddressField"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
INLINE = re.compile(
    r"""<style\b|\sstyle\s*=\s*["']|\son[a-z]+\s*=\s*["']|<script\b(?![^>]*\bsrc=)""", re.IGNORECASE
)
FOREIGN = re.compile(
    r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//(?!www\.w3\.org)[a-z0-9]""", re.IGNORECASE
)

# All tenants share one database role: the search_path alone keeps them apart, and only kit.scope sets it. SQL that
# names a schema goes past it, so it stands in these files, where tables are made, moved, counted or destroyed.
NAMES_SCHEMAS = {
    "billing/walls.py",
    "shared_apps/history/redaction.py",
    "shared_apps/history/triggers.py",
    "shared_apps/kit/scope.py",
    "shared_apps/legal/walls.py",
    "shared_apps/requests/walls.py",
    "shared_apps/sharing/walls.py",
    "tenants/erasure.py",
    "tenants/fleet.py",
    "tenants/models/tenant.py",
    "tenants/neutral.py",
    "tenants/postgresql/base.py",
    "tenants/restore.py",
    "tenants/roles.py",
    "tenants/schemas/drift.py",
    "tenants/schemas/fingerprint.py",
    "tenants/schemas/pool.py",
    "tenants/schemas/script.py",
    "tenants/schemas/snapshot.py",
    "tenants/stores.py",
}
SCHEMA_WORDS = {"schema_of", "schema_name"}
PLACED = {"schema", *SCHEMA_WORDS}  # what must not be put into the text of a statement
SWITCHING = re.compile(
    r"\bt_[0-9a-f]{32}\b"
    r"|\b(RE)?SET\s+(LOCAL\s+|SESSION\s+)?(search_path|ROLE|SESSION\s+AUTHORIZATION)\b"
    r"|\bset_config\(\s*'(search_path|role)'",
    re.IGNORECASE,
)
SQL = re.compile(
    r"^\.|\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|COPY|CREATE|DROP|ALTER|TRUNCATE|GRANT|REVOKE|LOCK)\b"
)
ELSEWHERE = r"""(?:https?:|wss?:)?//(?!www\.w3\.org/)[a-z0-9]"""
# What a browser fetches by itself or a script calls; a link that somebody clicks is none.
FETCHES = re.compile(
    rf"""<(?:img|script|link|iframe|source|video|audio|embed|form|input|use)\b[^>]*\s(?:src|srcset|href|action|formaction|poster)\s*=\s*["']?{ELSEWHERE}"""
    rf"""|\bhx-(?:get|post|put|delete)\s*=\s*["']{ELSEWHERE}"""
    rf"""|url\(\s*["']?{ELSEWHERE}|@import\s+["']{ELSEWHERE}"""
    rf"""|\b(?:import|from|fetch|sendBeacon|WebSocket|EventSource|Worker|open)\s*\(?[^)]{{0,20}}["'`]{ELSEWHERE}""",
    re.IGNORECASE,
)


def main() -> int:
    """Print every finding; 1 when there is any."""
    found = [f"{path}:{line}: {what}" for path in files() for line, what in findings(path)]
    print("\n".join(found) if found else "No house rule is broken.")
    return 1 if found else 0


def files() -> Iterator[Path]:
    """Every file of the checkout that somebody wrote, relative to it."""
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        is_hidden = any(
            part.startswith(".") and part != ".ci" for part in relative.parts[:-1]
        )  # caches, .git, .venv
        if path.is_file() and not is_hidden and not SKIPPED & set(relative.parts):
            yield relative


def findings(path: Path, text: str | None = None) -> Iterator[Finding]:
    """What is wrong in one file; `text` stands for its content where there is no file."""
    if path.suffix not in (".py", ".html", ".txt", ".css", ".js", ".md", ".toml", ".yaml", ".sh", ""):
        return
    if text is None:
        text = (ROOT / path).read_text(errors="replace")
    if path.stem in VAGUE_NAMES and path.suffix == ".py":
        yield 1, f"{path.name} says nothing of what is in it: name the file after a noun of the field."
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield number, "unfinished work is finished or left out, not marked."
    if path.suffix == ".py":
        yield from _python(path, text)
    if path.suffix == ".html" and path.parts[0] in PRODUCT:
        yield from _template(text)
    if path.suffix in (".html", ".css", ".js") and path.parts[0] in PRODUCT:
        yield from _fetches(text)


def _template(text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        if INLINE.search(line):
            yield number, "inline style or script: the content security policy forbids it."
        if ("<script" in line and FOREIGN.search(line)) or ("<link" in line and FOREIGN.search(line)):
            yield number, "an asset of another origin: every asset is our own."


def _fetches(text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        if FETCHES.search(line):
            yield number, "loads or calls another origin: a page fetches nothing from elsewhere (P33)."


def _python(path: Path, text: str) -> Iterator[Finding]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield error.lineno or 1, f"is no Python: {error.msg}."
        return
    for rule in _rules(path):
        for node in ast.walk(tree):
            if what := rule(node):
                yield getattr(node, "lineno", 1), what


Rule = Callable[[ast.AST], str | None]


def _rules(path: Path) -> Iterator[Rule]:
    product = path.parts[0] in PRODUCT
    if product:
        yield _switches
        yield _signals
        if path.as_posix() not in NAMES_SCHEMAS:
            yield _schemas
        if path.parts[:2] not in (("shared_apps", "kit"), ("billing", "standin")):  # a process without scopes
            yield _threads
        if path.parts[0] != "config":
            yield _environment
    if path.parts[0] == "tenant_apps":
        yield _shared_door
    if "migrations" in path.parts:
        yield _volatile


def _name(node: ast.AST) -> str:
    """The last word of a name: `connection.set_schema` is set_schema."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _imported(node: ast.AST) -> set[str]:
    """The dotted names that an import statement brings in."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


def _switches(node: ast.AST) -> str | None:
    called = isinstance(node, ast.Call) and _name(node.func) in SWITCHES
    imported = any(
        name.startswith("django_tenants.") and name.split(".")[-1] in SWITCHES for name in _imported(node)
    )
    entered = isinstance(node, (ast.With, ast.AsyncWith)) and any(
        _name(item.context_expr) == "tenant" for item in node.items
    )
    if called or imported or entered:
        return "switches schemas behind the scope's back: use shared_apps.kit.scope."
    return None


def _schemas(node: ast.AST) -> str | None:
    """A schema's name where it could reach SQL, or a switch of schema or role in a statement of its own."""
    said = isinstance(node, ast.Constant) and isinstance(node.value, str) and SWITCHING.search(node.value)
    asked = isinstance(node, (ast.Name, ast.Attribute)) and _name(node) in SCHEMA_WORDS
    imported = any(name.rsplit(".", 1)[-1] in SCHEMA_WORDS for name in _imported(node))
    if said or asked or imported or _places_schema(node):
        return "names or switches a schema past the scope: enter scope.tenant() or scope.shared() instead."
    return None


def _places_schema(node: ast.AST) -> bool:
    """Whether `schema` is put into an f-string, a format or an identifier that becomes SQL."""
    if isinstance(node, ast.JoinedStr):
        text = [part.value for part in node.values if isinstance(part, ast.Constant)]
        placed = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        text, placed = [node.left.value], [node.right]
    elif isinstance(node, ast.Call) and _name(node.func) in ("format", "Identifier", "AsIs"):
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        text = [inner.value] if isinstance(inner, ast.Constant) else ["SELECT"]
        placed = [*node.args, *(keyword.value for keyword in node.keywords)]
    else:
        return False
    named = {_name(inner) for one in placed for inner in ast.walk(one)}
    return bool(named & PLACED) and any(SQL.search(str(one)) for one in text)


def _signals(node: ast.AST) -> str | None:
    if any(name.startswith(MODEL_SIGNALS) or name == "django.dispatch.receiver" for name in _imported(node)):
        return "a model's signals hide what a verb does, and bulk writes do not send them: write a method."
    return None


def _threads(node: ast.AST) -> str | None:
    started = isinstance(node, ast.Call) and _name(node.func) in {"Thread", "ThreadPoolExecutor"}
    imported = _imported(node) & {"threading.Thread", "concurrent.futures.ThreadPoolExecutor"}
    if started or imported:
        return "a bare thread has no scope: write a job, or put it in kit."
    return None


def _environment(node: ast.AST) -> str | None:
    """Reading one variable; to hand the whole environment to a program or a function is something else."""
    read = (
        node.value if isinstance(node, ast.Subscript) else node.func if isinstance(node, ast.Call) else None
    )
    named = ast.unparse(read) if isinstance(read, (ast.Attribute, ast.Name)) else ""
    if named in {"os.environ", "os.environ.get", "os.getenv", "getenv"}:
        return "only config/ reads the environment: add a setting to config/env.py."
    return None


def _shared_door(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and _name(node.func) in {"shared", "owner"}:
        return "a business module opens neither the shared door nor the owner's."
    return None


def _volatile(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and VOLATILE.search(node.value):
        return "a migration must leave the same on every server: no volatile function, no such statement."
    if isinstance(node, ast.Call) and _name(node.func) in ADDRESS_FIELDS:
        return "no column holds an address."
    if isinstance(node, ast.Call) and _name(node.func) == "AddField":
        for inner in ast.walk(node):
            if (
                isinstance(inner, ast.keyword)
                and inner.arg == "default"
                and _name(inner.value) in VOLATILE_DEFAULTS
            ):
                return "an added column with a changing default differs from server to server."
    return None


if __name__ == "__main__":
    sys.exit(main())
