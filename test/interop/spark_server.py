"""Spark with Delta Lake behind a loopback port: `spark_server.py PORT JARS [ARCHIVE | dump:ARCHIVE]`; the ring `spark` keeps one for a test run.

POST {"op": .., "arguments": {..}} → {"ok": ..} or {"error": ".."}; rows come back as canonical lines (canonical.py). One question at a time.
"""
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from canonical import arrow_table, lines


def start(jars, archive):
    from pyspark.sql import SparkSession
    java = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Duser.timezone=UTC'
    if archive.startswith('dump:'):
        java += f' -XX:ArchiveClassesAtExit={archive[5:]}'
    elif archive:
        java += f' -XX:SharedArchiveFile={archive} -Xlog:disable -Xlog:all=error:stderr'
    temporary = os.environ.get('TMPDIR', '/tmp')
    settings = {
        'spark.driver.extraClassPath': f'{jars}/*',
        'spark.driver.extraJavaOptions': f'{java} -Djava.io.tmpdir={temporary} -Dderby.system.home={temporary}',
        'spark.driver.memory': '1g', 'spark.driver.host': '127.0.0.1', 'spark.driver.bindAddress': '127.0.0.1',
        'spark.local.dir': temporary, 'spark.sql.warehouse.dir': f'{temporary}/warehouse',
        'spark.sql.extensions': 'io.delta.sql.DeltaSparkSessionExtension',
        'spark.sql.catalog.spark_catalog': 'org.apache.spark.sql.delta.catalog.DeltaCatalog',
        'spark.sql.catalogImplementation': 'in-memory', 'spark.sql.session.timeZone': 'UTC',
        # Compiling code for a few rows takes longer than interpreting it.
        'spark.sql.codegen.wholeStage': 'false',
        'spark.ui.enabled': 'false', 'spark.ui.showConsoleProgress': 'false',
        'spark.sql.shuffle.partitions': '2', 'spark.default.parallelism': '2', 'spark.databricks.delta.snapshotPartitions': '2',
    }
    builder = SparkSession.builder.master('local[2]').appName('lakefold-test')
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel('ERROR')
    return session


class Spark:
    def __init__(self, session):
        self.session = session

    def read(self, path, version=None):
        reader = self.session.read.format('delta')
        return {'rows': lines((reader if version is None else reader.option('versionAsOf', version)).load(path).toArrow())}

    def changes(self, path, start=0, end=None):
        reader = self.session.read.format('delta').option('readChangeFeed', 'true').option('startingVersion', start)
        return {'rows': lines((reader if end is None else reader.option('endingVersion', end)).load(path).drop('_commit_timestamp').toArrow())}

    def sql(self, statements):
        """Runs commands in order; a command runs when it is named, so that nothing need be collected."""
        for statement in statements:
            self.session.sql(statement)
        return {}

    def query(self, statement, settings=None):
        """With settings of its own, which questions of other tests do not see."""
        try:
            self.settings(**(settings or {}))
            return {'rows': lines(self.session.sql(statement).toArrow())}
        finally:
            self.settings(**dict.fromkeys(settings or {}))

    def settings(self, **values):
        """Session settings; null takes one back."""
        for key, value in values.items():
            self.session.conf.unset(key) if value is None else self.session.conf.set(key, value)
        return {}

    def append(self, path, schema, rows, options=None, txn=None):
        writer = self.session.createDataFrame(arrow_table(schema, rows)).coalesce(1).write.format('delta').mode('append').options(**(options or {}))
        if txn is not None:
            writer = writer.option('txnAppId', txn['appId']).option('txnVersion', txn['version'])
        writer.save(path)
        return {}

    def view(self, name, schema, rows):
        """A temporary view of rows that statements can name."""
        self.session.createDataFrame(arrow_table(schema, rows)).createOrReplaceTempView(name)
        return {}

    def checkpoint(self, path):
        none = self.session._jvm.scala.Option.empty()
        log = self.session._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.session._jsparkSession, path)
        log.checkpoint(log.update(False, none, none), none)
        return {}

    def memory(self):
        """The JVM's resident memory now and at most, MiB."""
        with open(f'/proc/{self.session._jvm.java.lang.ProcessHandle.current().pid()}/status') as file:
            status = dict(line.split(':', 1) for line in file)
        return {'mib': int(status['VmRSS'].split()[0]) // 1024, 'peak': int(status['VmHWM'].split()[0]) // 1024}


OPERATIONS = ('read', 'changes', 'sql', 'query', 'settings', 'append', 'view', 'checkpoint', 'memory')


def serve(spark, port):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self):
            self.answer({'ok': 'ready'})

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers['content-length'])))
            if request['op'] not in OPERATIONS:
                return self.answer({'error': f'no operation {request["op"]}'})
            try:
                self.answer({'ok': getattr(spark, request['op'])(**request['arguments'])})
            except Exception as error:  # every fault of the engine is an answer for the test
                self.answer({'error': f'{type(error).__name__}: {error}'[:4000]})

        def answer(self, body):
            data = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(200)
            self.send_header('content-length', str(len(data)))
            self.send_header('connection', 'close')
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    HTTPServer(('127.0.0.1', port), Handler).serve_forever()


def rehearse(spark, folder):
    """What a class archive should hold: the classes behind every kind of statement of the tests."""
    table = f'delta.`{folder}/t`'
    spark.sql([f"CREATE TABLE {table} (n BIGINT, s STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors'='true')",
               f"INSERT INTO {table} SELECT id, CAST(id AS STRING) FROM RANGE(9)", f'DELETE FROM {table} WHERE n = 2', f"UPDATE {table} SET s = 'x' WHERE n = 3",
               f'MERGE INTO {table} t USING (SELECT 4 AS n, "y" AS s) u ON t.n = u.n WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *',
               f'OPTIMIZE {table}'])
    spark.query(f'SELECT * FROM {table}')
    spark.append(f'{folder}/t', [['n', 'bigint'], ['s', 'string']], [['10', 'z']])
    spark.read(f'{folder}/t', 1)
    spark.checkpoint(f'{folder}/t')


if __name__ == '__main__':
    place, jars, archive = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ''
    spark = Spark(start(jars, archive))
    if archive.startswith('dump:'):
        rehearse(spark, place)
        spark.session.stop()
    else:
        serve(spark, int(place))
