"""A hub of models on 127.0.0.1 for tests: static files in the hub's layout, and whatever a bad one does.

hub_server.py make ROOT ORG/REPO COMMIT FOLDER   puts FOLDER's files into ROOT as a commit of ORG/REPO, branch main
hub_server.py serve ROOT STATE                   serves ROOT; STATE/port has the port once it listens

STATE/faults is read at each request: lines "TIMES FAULT ARGUMENT PATTERN" (PATTERN: a substring of the path). The first that
matches and was not used TIMES times yet happens. STATE/log has a line for each request: "STATUS PATH RANGE IF-RANGE TOKEN".
"""
import hashlib
import http.server
import json
import os
import socket
import struct
import sys
import urllib.parse


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)


def make(root, repository, commit, folder):
    listing = [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}]
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as source:
            data = source.read()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        row = {"type": "file", "oid": git, "size": len(data), "path": name}
        if len(data) > 20000:
            row["oid"] = "1" * 40
            row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        listing.append(row)
        write(f"{root}/{repository}/resolve/{commit}/{name}", data)
    about = {"id": repository, "sha": commit, "cardData": {"license": "mit"}, "tags": ["license:mit"]}
    write(f"{root}/api/models/{repository}/revision/main", json.dumps(about).encode())
    write(f"{root}/api/models/{repository}/revision/{commit}", json.dumps(about).encode())
    write(f"{root}/api/models/{repository}/tree/{commit}", json.dumps(listing).encode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = state = ""
    used = {}

    def log_message(self, *arguments):
        pass

    def note(self, status):
        with open(self.state + "/log", "a") as log:
            range_, if_range, token = (self.headers.get(name) or "-" for name in ("Range", "If-Range", "Authorization"))
            log.write(f"{status} {self.path} {range_} {if_range} {token}\n")

    def fault(self):
        try:
            with open(self.state + "/faults") as lines:
                written = os.fstat(lines.fileno()).st_mtime_ns
                for line in filter(str.strip, lines):
                    times, name, argument, pattern = line.split()
                    key = (written, line)
                    if pattern in self.path and self.used.get(key, 0) < int(times):
                        self.used[key] = self.used.get(key, 0) + 1
                        return name, argument
        except FileNotFoundError:
            pass
        return "none", ""

    def head(self, status, headers):
        self.note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile = open(os.devnull, "wb")
        self.connection.close()

    def do_GET(self):
        fault, argument = self.fault()
        if fault == "status":  # CODE or CODE,RETRY-AFTER
            code, _, after = argument.partition(",")
            headers = {"Content-Length": 5}
            if after:
                headers["Retry-After"] = after
            self.head(int(code), headers)
            self.wfile.write(b"sorry")
            return
        if fault == "redirect":  # to this origin
            self.head(302, {"Location": argument + self.path, "Content-Length": 0})
            return
        if fault == "loop":
            self.head(302, {"Location": self.path, "Content-Length": 0})
            return
        path = os.path.join(self.root, urllib.parse.unquote(self.path).lstrip("/"))
        if not os.path.isfile(path):
            self.head(404, {"Content-Length": 0, "X-Error-Message": "Entry not found"})
            return
        with open(path, "rb") as source:
            data = source.read()
        if fault == "replace":  # other bytes of the same length
            data = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        if fault == "longer":  # says so too
            data += b"x" * int(argument)
        etag = '"' + (argument if fault == "etag" else hashlib.md5(data).hexdigest()) + '"'
        first = 0
        range_ = self.headers.get("Range")
        if range_ and fault != "norange" and self.headers.get("If-Range", etag) == etag:
            first = int(range_[6:].split("-")[0])
        if first > len(data) - 1 and first != 0:
            self.head(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 0})
            return
        body = data[first:]
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Length": len(body)}
        if fault == "lie":  # about the length, by so many bytes
            headers["Content-Length"] = len(body) + int(argument)
        if fault == "nolength":
            del headers["Content-Length"]
            headers["Connection"] = "close"
        if first:
            start = first + (int(argument) if fault == "shift" else 0)
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.head(206 if first else 200, headers)
        if fault in ("cut", "reset", "nolength"):
            self.wfile.write(body[: int(argument)])
            self.wfile.flush()
            if fault == "reset":
                self.reset()
            self.close_connection = True
            return
        self.wfile.write(body)
        if fault == "lie":
            self.close_connection = True


def serve(root, state):
    Handler.root, Handler.state = root, state
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with open(state + "/port.new", "w") as out:
        out.write(str(server.server_port))
    os.rename(state + "/port.new", state + "/port")
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:6])
    else:
        serve(*sys.argv[2:4])
