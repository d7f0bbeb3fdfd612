INSERT INTO v(v) VALUES('build=4')
UPDATE v_blocks SET head=zeroblob(length(head)), count=3, list=2 WHERE id % 2
UPDATE v_sets SET count=7, lists=9, dim=3
DELETE FROM v_centroids WHERE first=0
UPDATE v_owners SET block_id=block_id+1
SELECT rowid, embedding FROM v WHERE embedding MATCH '[1,2,3]' AND k=9
DROP TABLE v_rows
CREATE VIEW v_rows AS SELECT rowid AS id, label, price FROM v
SELECT * FROM v
INSERT INTO v(embedding) VALUES('[4,5,6]')
CREATE TRIGGER t AFTER INSERT ON v_owners BEGIN INSERT INTO v(embedding) VALUES('[1,1,1]'); END
SELECT twinlens_to_json(twinlens_normalize('[1e30,2]')), twinlens_distance_cosine('[1]', x'00'), twinlens_dim('[[1]]')
CREATE VIRTUAL TABLE x USING twinlens(dim=65536, metric='dot', "a b" TEXT)
