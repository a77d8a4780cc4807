"""What the Python scylla-driver does with a served engine; prints one JSON object."""

import datetime
import decimal
import json
import sys
import threading
import uuid

from cassandra import InvalidRequest, ProtocolVersion
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.query import BatchStatement, SimpleStatement, named_tuple_factory

host, port, guarded_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
report = {}


def connect(port=port, **options):
    cluster = Cluster([host], port=port, **options)
    return cluster, cluster.connect()


cluster, session = connect()
session.row_factory = named_tuple_factory

# connect: the version is negotiated down from 5
node = list(cluster.metadata.all_hosts())[0]
report["protocol"] = cluster.protocol_version == ProtocolVersion.V4
beta = Cluster([host], port=port, allow_beta_protocol_version=True)
beta.connect()
report["beta"] = beta.protocol_version == ProtocolVersion.V4
beta.shutdown()
report["hosts"] = [[h.datacenter, h.rack, h.release_version] for h in cluster.metadata.all_hosts()]
report["partitioner"] = cluster.metadata.partitioner
report["host_id"] = isinstance(node.host_id, uuid.UUID)

# metadata
session.execute(
    "CREATE KEYSPACE py WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
)
session.set_keyspace("py")
session.execute("CREATE TYPE address (street text, zip int)")
session.execute(
    "CREATE TABLE kinds (id int, seq int, a ascii, b bigint, c blob, d boolean, e decimal, f double,"
    " g float, h inet, i smallint, j text, k timestamp, l timeuuid, m tinyint, n uuid, o varint,"
    " p date, q time, r list<int>, s set<text>, t map<text, int>, u frozen<tuple<int, text>>,"
    " home frozen<address>, fixed text static, PRIMARY KEY (id, seq))"
    " WITH CLUSTERING ORDER BY (seq DESC) AND comment = 'every kind'"
)
table = cluster.metadata.keyspaces["py"].tables["kinds"]
report["table"] = {
    "partition": [c.name for c in table.partition_key],
    "clustering": [[c.name, c.is_reversed] for c in table.clustering_key],
    "static": [c.name for c in table.columns.values() if c.is_static],
    "types": {name: column.cql_type for name, column in table.columns.items()},
    "comment": table.options["comment"],
}
report["type"] = cluster.metadata.keyspaces["py"].user_types["address"].field_names
report["system"] = sorted(cluster.metadata.keyspaces["system"].tables)[:3]
report["virtual"] = cluster.metadata.keyspaces["system_views"].virtual
session.execute("CREATE TABLE recreated (p int PRIMARY KEY)")
text = cluster.metadata.keyspaces["py"].tables["recreated"].as_cql_query()
session.execute("DROP TABLE recreated")
session.execute(text)
report["recreated"] = "recreated" in cluster.metadata.keyspaces["py"].tables

# prepared statements, every kind of value
values = {
    "id": 1, "seq": 2, "a": "ascii", "b": -(2**63), "c": b"\x00\xff", "d": True,
    "e": decimal.Decimal("-12.340"), "f": 1.5e300, "g": -0.5, "h": "::1", "i": -32768,
    "j": "žluť", "k": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000), "l": uuid.uuid1(),
    "m": -128, "n": uuid.uuid4(), "o": 123456789012345678901234567890,
    "p": datetime.date(2026, 2, 28), "q": datetime.time(23, 59, 59, 999999),
    "r": [3, 1, 2], "s": {"x", "y"}, "t": {"k": 7}, "u": (1, "one"), "home": ("high street", 12),
    "fixed": "all",
}
names = ", ".join(values)
insert = session.prepare(
    f"INSERT INTO kinds ({names}) VALUES ({', '.join('?' for _ in values)})"
)
report["routing"] = insert.routing_key_indexes
session.execute(insert, values)
select = session.prepare("SELECT * FROM kinds WHERE id = ? AND seq = ?")
row = session.execute(select, (1, 2)).one()._asdict()
plain = lambda value: str(value.date()) if hasattr(value, "date") and not isinstance(value, datetime.datetime) else str(value)
report["different"] = [
    name
    for name, value in values.items()
    if name not in ("r", "s", "t", "home", "p", "q") and plain(row[name]) != plain(value)
]
report["collections"] = [list(row["r"]), sorted(row["s"]), dict(row["t"]), list(row["home"])]
report["times"] = [str(row["p"]), str(row["q"])]
unset = session.prepare("INSERT INTO kinds (id, seq, j) VALUES (?, ?, ?)")
session.execute(unset, {"id": 1, "seq": 2})
report["kept"] = session.execute(select, (1, 2)).one().j == "žluť"
report["named"] = session.execute("SELECT seq FROM kinds WHERE id = %(id)s", {"id": 1}).one().seq

# paging
session.execute("CREATE TABLE pages (p int, c int, PRIMARY KEY (p, c))")
fill = session.prepare("INSERT INTO pages (p, c) VALUES (?, ?)")
for future in [session.execute_async(fill, (c % 3, c)) for c in range(250)]:
    future.result()
paged = session.execute(SimpleStatement("SELECT c FROM pages", fetch_size=20))
report["pages"] = [len(paged.current_rows), paged.has_more_pages, len({row.c for row in paged})]

# batches
session.execute("CREATE TABLE batched (p int PRIMARY KEY, v text)")
batch = BatchStatement()
one = session.prepare("INSERT INTO batched (p, v) VALUES (?, ?)")
for p in range(3):
    batch.add(one, (p, f"v{p}"))
batch.add(SimpleStatement("INSERT INTO batched (p, v) VALUES (3, 'v3')"))
session.execute(batch)
report["batched"] = sorted(row.p for row in session.execute("SELECT p FROM batched"))

# conditions
lwt = SimpleStatement("INSERT INTO batched (p, v) VALUES (9, 'a') IF NOT EXISTS")
report["applied"] = [session.execute(lwt).was_applied, session.execute(lwt).was_applied]

# errors
try:
    session.execute("SELECT * FROM nowhere")
except InvalidRequest as error:
    report["error"] = str(error)

# schema events: another cluster object makes the change
other, other_session = connect()
heard = threading.Event()




original = cluster.metadata.refresh


def refresh(*args, **kwargs):
    original(*args, **kwargs)
    if "heard" in cluster.metadata.keyspaces["py"].tables:
        heard.set()


cluster.metadata.refresh = refresh
other_session.execute("CREATE TABLE py.heard (p int PRIMARY KEY)")
report["heard"] = heard.wait(15)
other.shutdown()

# tracing
trace = session.execute("SELECT * FROM batched", trace=True).get_query_trace()
report["trace"] = [trace.request_type, trace.duration is not None]

cluster.shutdown()

# credentials
guarded, guarded_session = connect(
    guarded_port, auth_provider=PlainTextAuthProvider("ada", "lovelace")
)
report["login"] = guarded_session.execute("SELECT key FROM system.local").one().key
guarded.shutdown()
try:
    connect(guarded_port, auth_provider=PlainTextAuthProvider("ada", "babbage"))
except NoHostAvailable as error:
    report["refused"] = "incorrect" in str(error)

print(json.dumps(report))
