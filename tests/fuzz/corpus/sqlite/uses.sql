SELECT rowid, distance FROM v WHERE embedding MATCH '[1,2,3]' AND k = 3 AND label = 'l1' ORDER BY distance
INSERT INTO v(v) VALUES('build=4')
SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND price BETWEEN 3 AND 9 AND rowid IN (3, 4, 5) LIMIT 2 OFFSET 1
SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND distance < 4 AND distance > 1 AND exact = 1 AND probes = 2
BEGIN
UPDATE OR REPLACE v SET rowid = rowid + 1 WHERE label LIKE 'L1'
SAVEPOINT a
DELETE FROM v WHERE price > 7
ROLLBACK TO a
COMMIT
INSERT OR REPLACE INTO v(rowid, embedding, label) VALUES(5, x'0000803f0000803f0000803f', NULL)
INSERT INTO v(v) VALUES('check')
INSERT INTO v(v) VALUES('compact')
ALTER TABLE v RENAME TO w
DROP TABLE w
