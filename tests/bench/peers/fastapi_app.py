"""FastAPI as a peer, one process: python3 fastapi_app.py LISTENING-FD THREADS"""

import asyncio
import json
import os
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI

app = FastAPI()
pool = ThreadPoolExecutor(int(sys.argv[2]))
pages, slow, database = (os.environ["BENCH_" + name] for name in ("PAGES", "SLOW", "DB"))
local = threading.local()


def query(sql, *args):
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(database)
        local.db.row_factory = sqlite3.Row
    return dict(local.db.execute(sql, args).fetchone())


def read_file():
    time.sleep(0.1)
    with open(pages + "/result_file.txt", encoding="utf-8") as file:
        return file.read()


def read_db():
    time.sleep(0.2)
    return query("select value from result where name = ?", "read_db")["value"]


def read_api():
    with urllib.request.urlopen(slow + "/api") as answer:
        return json.load(answer)


@app.get("/hello")
async def hello():
    return {"message": "hello"}


@app.get("/row/{row_id}")
def row(row_id: int):
    return {"row": query("select name, points from wallet where id = ?", row_id)}


@app.get("/file")
def page():
    with open(pages + "/page.json", encoding="utf-8") as file:
        return {"page": json.load(file)}


@app.get("/pool")
async def thread_pool():
    run = asyncio.get_running_loop().run_in_executor
    file, db, api = await asyncio.gather(
        run(pool, read_file), run(pool, read_db), run(pool, read_api)
    )
    return {"result_file": file, "read_db": db, "read_api": api}


listener = socket.socket(fileno=int(sys.argv[1]))
config = uvicorn.Config(app, log_level="warning", access_log=False, backlog=4096)
uvicorn.Server(config).run(sockets=[listener])
