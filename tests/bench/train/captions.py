"""All captions of WebDataset shards, one a line. usage: captions.py SHARD.tar[.gz]... > captions.txt"""

import json
import sys
import tarfile

for path in sys.argv[1:]:
    with tarfile.open(path) as shard:
        for member in shard:
            if member.name.endswith(".json"):
                for caption in json.load(shard.extractfile(member))["captions"]:
                    print(" ".join(caption.split()))
