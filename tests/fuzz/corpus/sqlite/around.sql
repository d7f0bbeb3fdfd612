BEGIN
INSERT INTO v(rowid, embedding) VALUES(100, '[1,2,3]')
SAVEPOINT a
ALTER TABLE v RENAME TO w
INSERT INTO w(rowid, embedding) VALUES(101, '[1,2,3]')
ROLLBACK TO a
INSERT INTO v(rowid, embedding) VALUES(102, '[3,2,1]')
PRAGMA writable_schema=RESET
INSERT INTO v(rowid, embedding) VALUES(103, '[3,2,1]')
DROP TABLE v
CREATE VIRTUAL TABLE v USING twinlens(dim=2, label TEXT)
INSERT INTO v(embedding) VALUES('[1,2]')
ROLLBACK TO a
SELECT a.rowid, b.rowid FROM v a JOIN v b ON b.embedding MATCH a.embedding AND b.k = 2 AND b.rowid <> 3 WHERE a.embedding MATCH '[0,0,0]' AND (a.distance, a.rowid) > (2, 1) LIMIT 3
INSERT INTO v(v) VALUES('build=3')
RELEASE a
COMMIT
UPDATE v SET label = 'near' WHERE embedding MATCH '[1,2,3]' AND k = 2
INSERT INTO v(v) VALUES('check')
