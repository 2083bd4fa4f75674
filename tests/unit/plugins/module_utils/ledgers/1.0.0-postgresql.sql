CREATE TABLE yateota_changes (
    number integer NOT NULL,
    change_id text NOT NULL,
    api_url text NOT NULL,
    node text NOT NULL,
    action text NOT NULL,
    selection json NOT NULL,
    status text NOT NULL,
    duplicates integer NOT NULL,
    requested_by text,
    approved_by text,
    job_id text,
    created double precision NOT NULL,
    planned double precision,
    started double precision,
    finished double precision,
    reading integer NOT NULL,
    read_at double precision,
    judged_from double precision NOT NULL,
    lease_token text,
    lease_holder text,
    lease_place text,
    lease_pid integer,
    lease_expires double precision NOT NULL
);
CREATE SEQUENCE yateota_changes_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE yateota_changes_number_seq OWNED BY yateota_changes.number;
CREATE TABLE yateota_earlier_sends (
    change integer NOT NULL,
    seq integer NOT NULL,
    sent_at double precision NOT NULL,
    run integer,
    answered_at double precision,
    outcome text NOT NULL,
    code integer,
    message text
);
CREATE TABLE yateota_ledger (
    version integer NOT NULL
);
CREATE SEQUENCE yateota_ledger_version_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE yateota_ledger_version_seq OWNED BY yateota_ledger.version;
CREATE TABLE yateota_participants (
    change integer NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    participant_id bigint,
    campaign_id bigint,
    iccid text,
    imsi text,
    msisdn text,
    state text NOT NULL,
    reason text,
    wave integer,
    state_planned text,
    state_before text,
    state_now text,
    read_at double precision,
    reading integer,
    found integer NOT NULL,
    run integer,
    sent_at double precision,
    answered_at double precision,
    code integer,
    message text
);
CREATE TABLE yateota_runs (
    number integer NOT NULL,
    change integer NOT NULL,
    requested_by text,
    approved_by text,
    job_id text,
    host text NOT NULL,
    pid integer NOT NULL,
    started double precision NOT NULL,
    finished double precision,
    outcome text
);
CREATE SEQUENCE yateota_runs_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE yateota_runs_number_seq OWNED BY yateota_runs.number;
CREATE TABLE yateota_waves (
    change integer NOT NULL,
    wave integer NOT NULL,
    started double precision NOT NULL,
    finished double precision
);
ALTER TABLE ONLY yateota_changes ALTER COLUMN number SET DEFAULT nextval('yateota_changes_number_seq'::regclass);
ALTER TABLE ONLY yateota_ledger ALTER COLUMN version SET DEFAULT nextval('yateota_ledger_version_seq'::regclass);
ALTER TABLE ONLY yateota_runs ALTER COLUMN number SET DEFAULT nextval('yateota_runs_number_seq'::regclass);
INSERT INTO yateota_changes VALUES
	(8, 'APPLIED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "1ef873d4434dc77f5e18dd3e4f7c1b4693ab87282d14c56352b691989d116bcc", "identified_by": ["participant_id"]}', 'applied', 0, 'operator', NULL, '1', 1795714010.675421, 1795714010.832456, 1795714010.9313102, 1795714011.0660307, 0, 1795714010.832456, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(4, 'ABORTED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 4, "digest": "7d39883ee3c62d980676decb275f2f2937312c1eec14395a114a1fe9f7bba366", "identified_by": ["participant_id"]}', 'aborted', 0, 'operator', NULL, '1', 1795714008.0951326, 1795714008.233193, 1795714008.3047762, NULL, 0, 1795714008.233193, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(2, 'WAVES', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 5, "digest": "084c659054a7a3a565e94f33b04708271d66bebea9c54497409d4a9a8988d158", "identified_by": ["participant_id"]}', 'in_progress', 0, 'operator', 'approver', '1', 1795714006.7574706, 1795714006.9355092, 1795714007.066977, NULL, 0, 1795714006.9355092, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(5, 'WINDOW', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "35d9b30f7124fe396a6476a33f175147cb153253d445efd061974427b74b7525", "identified_by": ["participant_id"]}', 'window_closed', 0, 'operator', NULL, '1', 1795714008.5735276, 1795714008.6953475, NULL, NULL, 0, 1795714008.6953475, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(1, 'PLANNED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 3, "digest": "e2efb49971952a147a9c7c66b05089d1fba7c0531e7f5bc705ea8f581e6154fd", "identified_by": ["participant_id"]}', 'planned', 0, 'operator', NULL, '1', 1795714006.39545, 1795714006.587094, NULL, NULL, 0, 1795714006.587094, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(3, 'KILLED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 3, "digest": "91f75246d4e9d4a59ebaf06700b3e144411298a6511dcd9faa77fc4a2786ed93", "identified_by": ["participant_id"]}', 'in_progress', 0, 'operator', NULL, '1', 1795714007.47432, 1795714007.6630702, 1795714007.9439404, NULL, 0, 1795714007.6630702, 0, '5b98119786914edf95b3df77148f309b', 'operator on runner (process 32580, job 1) since 2026-11-26 17:26:47 UTC', 'runner boot pid:[1]', 32580, 1795714068.00319),
	(10, 'PURGED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "a359816447ee4d2843297f166263d10e8069f832941d40d6ec8940f6dbd998e4", "identified_by": ["participant_id"]}', 'purged', 0, 'operator', NULL, '1', 1795714012.8849485, 1795714013.098637, 1795714013.248736, 1795714013.3688765, 0, 1795714013.098637, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(9, 'VERIFIED', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "b970f7810b56d97a174629a54d84f93164d3a7f0f99123e30d1152e0013216a9", "identified_by": ["participant_id"]}', 'verified', 0, 'operator', NULL, '1', 1795714011.2183936, 1795714011.448408, 1795714012.277042, 1795714012.3535612, 1, 1795714012.5655408, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(7, 'RESENT', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "ae903f362c10cdf14fbf971b57a8dc024c57e9fffac4512066b37839ffdccb06", "identified_by": ["participant_id"]}', 'applied', 0, 'operator', NULL, '1', 1795714009.7331338, 1795714009.8883128, 1795714009.9912033, 1795714010.5651786, 2, 1795714010.3396807, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0),
	(6, 'UNKNOWN', 'http://sandbox.invalid/api.php', 'ota', 'retry', '{"participants": 2, "digest": "03c680414aaf465629d77415f48f97e88583c4fb0a3910b73a669f223cc812fb", "identified_by": ["participant_id"]}', 'applied', 0, 'operator', NULL, '1', 1795714008.9205983, 1795714009.1310835, 1795714009.2355998, 1795714009.5506332, 1, 1795714009.443199, 0, NULL, NULL, 'runner boot pid:[1]', 32256, 0);
INSERT INTO yateota_earlier_sends VALUES
	(7, 0, 1795714010.0232468, 8, 1795714010.0243218, 'unknown', NULL, 'the connection was closed before the whole answer came');
INSERT INTO yateota_ledger VALUES
	(1);
INSERT INTO yateota_participants VALUES
	(7, 1, '167/participant_id/220', 220, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'pending_send', 1795714010.366235, 2, 1, 8, 1795714010.0243397, 1795714010.0380783, 0, NULL),
	(4, 0, '167/participant_id/202', 202, 167, NULL, NULL, NULL, 'refused', NULL, 1, 'failed', 'failed', 'failed', 1795714008.2038977, 0, 1, 5, 1795714008.392558, 1795714008.3952866, 403, 'No'),
	(1, 0, '167/participant_id/186', 186, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714006.5410602, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(1, 1, '167/participant_id/187', 187, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714006.5410602, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(1, 2, '167/participant_id/188', 188, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714006.5410602, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(4, 1, '167/participant_id/203', 203, 167, NULL, NULL, NULL, 'refused', NULL, 1, 'failed', 'failed', 'failed', 1795714008.2038977, 0, 1, 5, 1795714008.395326, 1795714008.3988051, 403, 'No'),
	(9, 0, '167/participant_id/224', 224, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'finished', 1795714012.6113474, 1, 1, 11, 1795714012.3246672, 1795714012.3321042, 0, NULL),
	(5, 0, '167/participant_id/209', 209, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714008.6607404, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(5, 1, '167/participant_id/212', 212, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714008.6607404, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(2, 3, '167/participant_id/192', 192, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714006.8615756, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(2, 4, '167/participant_id/194', 194, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714006.8615756, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(9, 1, '167/participant_id/227', 227, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'finished', 1795714012.6113474, 1, 1, 11, 1795714012.332146, 1795714012.3429835, 0, NULL),
	(2, 0, '167/participant_id/189', 189, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'failed', 1795714006.8615756, 0, 1, 2, 1795714007.1514256, 1795714007.1568618, 0, NULL),
	(7, 0, '167/participant_id/219', 219, 167, NULL, NULL, NULL, 'done', NULL, 2, 'failed', 'failed', 'failed', 1795714010.366235, 2, 1, 9, 1795714010.5257316, 1795714010.5273957, 0, NULL),
	(2, 1, '167/participant_id/190', 190, 167, NULL, NULL, NULL, 'done', NULL, 2, 'failed', 'failed', 'failed', 1795714006.8615756, 0, 1, 2, 1795714007.268899, 1795714007.275081, 0, NULL),
	(2, 2, '167/participant_id/191', 191, 167, NULL, NULL, NULL, 'done', NULL, 2, 'failed', 'failed', 'failed', 1795714006.8615756, 0, 1, 2, 1795714007.2751162, 1795714007.2931247, 0, NULL),
	(6, 0, '167/participant_id/213', 213, 167, NULL, NULL, NULL, 'unknown', 'no answer shows whether it was carried out', 1, 'failed', 'failed', 'failed', 1795714009.480145, 1, 1, 7, 1795714009.3312514, 1795714009.3328533, NULL, 'the connection was closed before the whole answer came'),
	(6, 1, '167/participant_id/214', 214, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'pending_send', 1795714009.480145, 1, 1, 7, 1795714009.3329072, 1795714009.3355896, 0, NULL),
	(3, 2, '167/participant_id/201', 201, 167, NULL, NULL, NULL, 'planned', NULL, 1, 'failed', NULL, 'failed', 1795714007.6191504, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(3, 0, '167/participant_id/195', 195, 167, NULL, NULL, NULL, 'sending', NULL, 1, 'failed', 'failed', 'failed', 1795714007.6191504, 0, 1, 4, 1795714008.0004745, NULL, NULL, NULL),
	(3, 1, '167/participant_id/197', 197, 167, NULL, NULL, NULL, 'sending', NULL, 1, 'failed', 'failed', 'failed', 1795714007.6191504, 0, 1, 4, 1795714008.0004745, NULL, NULL, NULL),
	(8, 0, '167/participant_id/222', 222, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'failed', 1795714010.7916493, 0, 1, 10, 1795714010.9944263, 1795714010.9974666, 0, NULL),
	(8, 1, '167/participant_id/223', 223, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'failed', 1795714010.7916493, 0, 1, 10, 1795714010.9975038, 1795714011.031462, 0, NULL),
	(4, 2, '167/participant_id/207', 207, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714008.2038977, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(4, 3, '167/participant_id/208', 208, 167, NULL, NULL, NULL, 'planned', NULL, NULL, 'failed', NULL, 'failed', 1795714008.2038977, 0, 1, NULL, NULL, NULL, NULL, NULL),
	(10, 0, '0', NULL, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'failed', 1795714013.02976, 0, 1, 13, 1795714013.3193219, 1795714013.3209221, 0, NULL),
	(10, 1, '1', NULL, 167, NULL, NULL, NULL, 'done', NULL, 1, 'failed', 'failed', 'failed', 1795714013.02976, 0, 1, 13, 1795714013.3209584, 1795714013.3295343, 0, NULL);
INSERT INTO yateota_runs VALUES
	(1, 1, 'operator', NULL, '1', 'runner', 32256, 1795714006.4469361, 1795714006.623465, 'planned'),
	(2, 2, 'operator', 'approver', '1', 'runner', 32256, 1795714006.8010871, 1795714007.3390946, 'in_progress'),
	(3, 3, 'operator', NULL, '1', 'runner', 32256, 1795714007.5299308, 1795714007.6931632, 'planned'),
	(4, 3, 'operator', NULL, '1', 'runner', 32580, 1795714007.8917646, NULL, NULL),
	(5, 4, 'operator', NULL, '1', 'runner', 32256, 1795714008.1422923, 1795714008.438398, 'failed'),
	(6, 5, 'operator', NULL, '1', 'runner', 32256, 1795714008.6098309, 1795714008.7830203, 'window_closed'),
	(7, 6, 'operator', NULL, '1', 'runner', 32256, 1795714008.9961534, 1795714009.5777957, 'applied'),
	(8, 7, 'operator', NULL, '1', 'runner', 32256, 1795714009.7722397, 1795714010.1367974, 'applied'),
	(9, 7, 'operator', NULL, '1', 'runner', 32256, 1795714010.2931392, 1795714010.5755696, 'applied'),
	(10, 8, 'operator', NULL, '1', 'runner', 32256, 1795714010.7275572, 1795714011.0872643, 'applied'),
	(11, 9, 'operator', NULL, '1', 'runner', 32256, 1795714011.2795842, 1795714012.3625047, 'applied'),
	(12, 9, 'operator', NULL, '1', 'runner', 32256, 1795714012.5310102, 1795714012.7313676, 'verified'),
	(13, 10, 'operator', NULL, '1', 'runner', 32256, 1795714012.9474497, 1795714013.395311, 'applied'),
	(14, 10, 'operator', NULL, '1', 'runner', 32256, 1795714013.6118743, 1795714013.6728678, 'purged');
INSERT INTO yateota_waves VALUES
	(2, 1, 1795714007.0961967, 1795714007.195005),
	(2, 2, 1795714007.248491, 1795714007.3216023),
	(3, 1, 1795714007.9727147, NULL),
	(4, 1, 1795714008.3313057, NULL),
	(6, 1, 1795714009.259988, 1795714009.4157836),
	(7, 1, 1795714009.9990213, 1795714010.0556796),
	(7, 2, 1795714010.5070972, 1795714010.5479908),
	(8, 1, 1795714010.9565773, 1795714011.047148),
	(9, 1, 1795714012.2990334, 1795714012.3483374),
	(10, 1, 1795714013.2711027, 1795714013.350661);
SELECT pg_catalog.setval('yateota_changes_number_seq', 10, true);
SELECT pg_catalog.setval('yateota_ledger_version_seq', 1, false);
SELECT pg_catalog.setval('yateota_runs_number_seq', 14, true);
ALTER TABLE ONLY yateota_changes
    ADD CONSTRAINT yateota_changes_change_id_key UNIQUE (change_id);
ALTER TABLE ONLY yateota_changes
    ADD CONSTRAINT yateota_changes_pkey PRIMARY KEY (number);
ALTER TABLE ONLY yateota_earlier_sends
    ADD CONSTRAINT yateota_earlier_sends_pkey PRIMARY KEY (change, seq, sent_at);
ALTER TABLE ONLY yateota_ledger
    ADD CONSTRAINT yateota_ledger_pkey PRIMARY KEY (version);
ALTER TABLE ONLY yateota_participants
    ADD CONSTRAINT yateota_participants_change_name_key UNIQUE (change, name);
ALTER TABLE ONLY yateota_participants
    ADD CONSTRAINT yateota_participants_pkey PRIMARY KEY (change, seq);
ALTER TABLE ONLY yateota_runs
    ADD CONSTRAINT yateota_runs_pkey PRIMARY KEY (number);
ALTER TABLE ONLY yateota_waves
    ADD CONSTRAINT yateota_waves_pkey PRIMARY KEY (change, wave);
CREATE INDEX ix_yateota_runs_change ON yateota_runs USING btree (change);
ALTER TABLE ONLY yateota_earlier_sends
    ADD CONSTRAINT yateota_earlier_sends_change_fkey FOREIGN KEY (change) REFERENCES yateota_changes(number);
ALTER TABLE ONLY yateota_participants
    ADD CONSTRAINT yateota_participants_change_fkey FOREIGN KEY (change) REFERENCES yateota_changes(number);
ALTER TABLE ONLY yateota_runs
    ADD CONSTRAINT yateota_runs_change_fkey FOREIGN KEY (change) REFERENCES yateota_changes(number);
ALTER TABLE ONLY yateota_waves
    ADD CONSTRAINT yateota_waves_change_fkey FOREIGN KEY (change) REFERENCES yateota_changes(number);
