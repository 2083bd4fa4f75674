BEGIN TRANSACTION;
CREATE TABLE yateota_changes (
	number INTEGER NOT NULL, 
	change_id TEXT NOT NULL, 
	api_url TEXT NOT NULL, 
	node TEXT NOT NULL, 
	action TEXT NOT NULL, 
	selection JSON NOT NULL, 
	status TEXT NOT NULL, 
	duplicates INTEGER NOT NULL, 
	requested_by TEXT, 
	approved_by TEXT, 
	job_id TEXT, 
	created DOUBLE NOT NULL, 
	planned DOUBLE, 
	started DOUBLE, 
	finished DOUBLE, 
	reading INTEGER NOT NULL, 
	read_at DOUBLE, 
	judged_from DOUBLE NOT NULL, 
	lease_token TEXT, 
	lease_holder TEXT, 
	lease_place TEXT, 
	lease_pid INTEGER, 
	lease_expires DOUBLE NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (change_id)
);
INSERT INTO "yateota_changes" VALUES(1,'PLANNED','http://sandbox.invalid/api.php','ota','retry','{"participants": 3, "digest": "e2efb49971952a147a9c7c66b05089d1fba7c0531e7f5bc705ea8f581e6154fd", "identified_by": ["participant_id"]}','planned',0,'operator',NULL,'1',1.79571399584471893314e+09,1.79571399600328016283e+09,NULL,NULL,0,1.79571399600328016283e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(2,'WAVES','http://sandbox.invalid/api.php','ota','retry','{"participants": 5, "digest": "084c659054a7a3a565e94f33b04708271d66bebea9c54497409d4a9a8988d158", "identified_by": ["participant_id"]}','in_progress',0,'operator','approver','1',1.79571399610091567036e+09,1.79571399627317547804e+09,1.79571399631474113464e+09,NULL,0,1.79571399627317547804e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(3,'KILLED','http://sandbox.invalid/api.php','ota','retry','{"participants": 3, "digest": "91f75246d4e9d4a59ebaf06700b3e144411298a6511dcd9faa77fc4a2786ed93", "identified_by": ["participant_id"]}','in_progress',0,'operator',NULL,'1',1.7957139965608389378e+09,1.7957139967276043892e+09,1.79571399696135783202e+09,NULL,0,1.7957139967276043892e+09,0.0,'fa052fb1425f4073a0142322340cabaa','operator on runner (process 32317, job 1) since 2026-11-26 17:26:36 UTC','runner boot pid:[1]',32317,1.79571405699798965454e+09);
INSERT INTO "yateota_changes" VALUES(4,'ABORTED','http://sandbox.invalid/api.php','ota','retry','{"participants": 4, "digest": "7d39883ee3c62d980676decb275f2f2937312c1eec14395a114a1fe9f7bba366", "identified_by": ["participant_id"]}','aborted',0,'operator',NULL,'1',1.79571399705407905582e+09,1.7957139972070569992e+09,1.79571399725205922128e+09,NULL,0,1.7957139972070569992e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(5,'WINDOW','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "35d9b30f7124fe396a6476a33f175147cb153253d445efd061974427b74b7525", "identified_by": ["participant_id"]}','window_closed',0,'operator',NULL,'1',1.79571399741218256946e+09,1.79571399753980350498e+09,NULL,NULL,0,1.79571399753980350498e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(6,'UNKNOWN','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "03c680414aaf465629d77415f48f97e88583c4fb0a3910b73a669f223cc812fb", "identified_by": ["participant_id"]}','applied',0,'operator',NULL,'1',1.79571399766344237322e+09,1.79571399782710170748e+09,1.79571399786241698267e+09,1.79571399801909518242e+09,1,1795713997.94451,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(7,'RESENT','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "ae903f362c10cdf14fbf971b57a8dc024c57e9fffac4512066b37839ffdccb06", "identified_by": ["participant_id"]}','applied',0,'operator',NULL,'1',1.79571399810606336594e+09,1.79571399824708914758e+09,1.79571399828851437571e+09,1.79571399873179125784e+09,2,1.79571399855182623861e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(8,'APPLIED','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "1ef873d4434dc77f5e18dd3e4f7c1b4693ab87282d14c56352b691989d116bcc", "identified_by": ["participant_id"]}','applied',0,'operator',NULL,'1',1.7957139988361074924e+09,1.79571399900312352179e+09,1.79571399905245661734e+09,1.7957139991813793182e+09,0,1.79571399900312352179e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(9,'VERIFIED','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "b970f7810b56d97a174629a54d84f93164d3a7f0f99123e30d1152e0013216a9", "identified_by": ["participant_id"]}','verified',0,'operator',NULL,'1',1.79571399929309821123e+09,1.79571399945963454253e+09,1795713999.52274,1.7957139996640110016e+09,1,1.79571399985327124593e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
INSERT INTO "yateota_changes" VALUES(10,'PURGED','http://sandbox.invalid/api.php','ota','retry','{"participants": 2, "digest": "a359816447ee4d2843297f166263d10e8069f832941d40d6ec8940f6dbd998e4", "identified_by": ["participant_id"]}','purged',0,'operator',NULL,'1',1.79571400011666536334e+09,1.79571400028401017192e+09,1.79571400034111166004e+09,1.79571400043821883208e+09,0,1.79571400028401017192e+09,0.0,NULL,NULL,'runner boot pid:[1]',32256,0.0);
CREATE TABLE yateota_earlier_sends (
	change INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	sent_at DOUBLE NOT NULL, 
	run INTEGER, 
	answered_at DOUBLE, 
	outcome TEXT NOT NULL, 
	code INTEGER, 
	message TEXT, 
	PRIMARY KEY (change, seq, sent_at), 
	FOREIGN KEY(change) REFERENCES yateota_changes (number)
);
INSERT INTO "yateota_earlier_sends" VALUES(7,0,1.79571399833516240126e+09,8,1.79571399833612513549e+09,'unknown',NULL,'the connection was closed before the whole answer came');
CREATE TABLE yateota_ledger (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "yateota_ledger" VALUES(1);
CREATE TABLE yateota_participants (
	change INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	participant_id BIGINT, 
	campaign_id BIGINT, 
	iccid TEXT, 
	imsi TEXT, 
	msisdn TEXT, 
	state TEXT NOT NULL, 
	reason TEXT, 
	wave INTEGER, 
	state_planned TEXT, 
	state_before TEXT, 
	state_now TEXT, 
	read_at DOUBLE, 
	reading INTEGER, 
	found INTEGER NOT NULL, 
	run INTEGER, 
	sent_at DOUBLE, 
	answered_at DOUBLE, 
	code INTEGER, 
	message TEXT, 
	PRIMARY KEY (change, seq), 
	UNIQUE (change, name), 
	FOREIGN KEY(change) REFERENCES yateota_changes (number)
)
 WITHOUT ROWID

;
INSERT INTO "yateota_participants" VALUES(1,0,'167/participant_id/186',186,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399595326447484e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(1,1,'167/participant_id/187',187,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399595326447484e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(1,2,'167/participant_id/188',188,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399595326447484e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(2,0,'167/participant_id/189',189,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','failed',1.79571399624298834798e+09,0,1,2,1.79571399635725355153e+09,1.79571399636711573604e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(2,1,'167/participant_id/190',190,167,NULL,NULL,NULL,'done',NULL,2,'failed','failed','failed',1.79571399624298834798e+09,0,1,2,1.79571399643438959128e+09,1.7957139964358921051e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(2,2,'167/participant_id/191',191,167,NULL,NULL,NULL,'done',NULL,2,'failed','failed','failed',1.79571399624298834798e+09,0,1,2,1.79571399643592095373e+09,1.79571399644119858744e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(2,3,'167/participant_id/192',192,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399624298834798e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(2,4,'167/participant_id/194',194,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399624298834798e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(3,0,'167/participant_id/195',195,167,NULL,NULL,NULL,'sending',NULL,1,'failed','failed','failed',1.79571399669600868225e+09,0,1,4,1.79571399699818038935e+09,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(3,1,'167/participant_id/197',197,167,NULL,NULL,NULL,'sending',NULL,1,'failed','failed','failed',1.79571399669600868225e+09,0,1,4,1.79571399699818038935e+09,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(3,2,'167/participant_id/201',201,167,NULL,NULL,NULL,'planned',NULL,1,'failed',NULL,'failed',1.79571399669600868225e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(4,0,'167/participant_id/202',202,167,NULL,NULL,NULL,'refused',NULL,1,'failed','failed','failed',1.79571399717233586316e+09,0,1,5,1.79571399729538202288e+09,1.79571399729730629916e+09,403,'No');
INSERT INTO "yateota_participants" VALUES(4,1,'167/participant_id/203',203,167,NULL,NULL,NULL,'refused',NULL,1,'failed','failed','failed',1.79571399717233586316e+09,0,1,5,1.79571399729735684393e+09,1.79571399730344080929e+09,403,'No');
INSERT INTO "yateota_participants" VALUES(4,2,'167/participant_id/207',207,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399717233586316e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(4,3,'167/participant_id/208',208,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399717233586316e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(5,0,'167/participant_id/209',209,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399750174069405e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(5,1,'167/participant_id/212',212,167,NULL,NULL,NULL,'planned',NULL,NULL,'failed',NULL,'failed',1.79571399750174069405e+09,0,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "yateota_participants" VALUES(6,0,'167/participant_id/213',213,167,NULL,NULL,NULL,'unknown','no answer shows whether it was carried out',1,'failed','failed','failed',1.79571399797281885143e+09,1,1,7,1.79571399791116023065e+09,1.79571399791232609753e+09,NULL,'the connection was closed before the whole answer came');
INSERT INTO "yateota_participants" VALUES(6,1,'167/participant_id/214',214,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','pending_send',1.79571399797281885143e+09,1,1,7,1.79571399791235017774e+09,1.79571399791626858709e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(7,0,'167/participant_id/219',219,167,NULL,NULL,NULL,'done',NULL,2,'failed','failed','failed',1.79571399857757067674e+09,2,1,9,1.79571399869922852516e+09,1.7957139987031090259e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(7,1,'167/participant_id/220',220,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','pending_send',1.79571399857757067674e+09,2,1,8,1.79571399833614063264e+09,1.79571399833998966212e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(8,0,'167/participant_id/222',222,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','failed',1.79571399896441388126e+09,0,1,10,1.79571399910950660707e+09,1.79571399911970567709e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(8,1,'167/participant_id/223',223,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','failed',1.79571399896441388126e+09,0,1,10,1.7957139991197490692e+09,1.79571399914079165454e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(9,0,'167/participant_id/224',224,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','finished',1.79571399990112137799e+09,1,1,11,1.79571399959987306601e+09,1.7957139996144938469e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(9,1,'167/participant_id/227',227,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','finished',1.79571399990112137799e+09,1,1,11,1.79571399961457133292e+09,1.79571399962340712544e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(10,0,'0',NULL,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','failed',1.79571400022899937626e+09,0,1,13,1.79571400039240264894e+09,1.79571400039834856991e+09,0,NULL);
INSERT INTO "yateota_participants" VALUES(10,1,'1',NULL,167,NULL,NULL,NULL,'done',NULL,1,'failed','failed','failed',1.79571400022899937626e+09,0,1,13,1.79571400039838767045e+09,1.79571400040801048281e+09,0,NULL);
CREATE TABLE yateota_runs (
	number INTEGER NOT NULL, 
	change INTEGER NOT NULL, 
	requested_by TEXT, 
	approved_by TEXT, 
	job_id TEXT, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started DOUBLE NOT NULL, 
	finished DOUBLE, 
	outcome TEXT, 
	PRIMARY KEY (number), 
	FOREIGN KEY(change) REFERENCES yateota_changes (number)
);
INSERT INTO "yateota_runs" VALUES(1,1,'operator',NULL,'1','runner',32256,1.79571399588381505011e+09,1.79571399602799797057e+09,'planned');
INSERT INTO "yateota_runs" VALUES(2,2,'operator','approver','1','runner',32256,1.79571399616424274441e+09,1.79571399646328759189e+09,'in_progress');
INSERT INTO "yateota_runs" VALUES(3,3,'operator',NULL,'1','runner',32256,1.79571399661021280291e+09,1.79571399674851226802e+09,'planned');
INSERT INTO "yateota_runs" VALUES(4,3,'operator',NULL,'1','runner',32317,1.79571399690487837784e+09,NULL,NULL);
INSERT INTO "yateota_runs" VALUES(5,4,'operator',NULL,'1','runner',32256,1.79571399710794186587e+09,1.79571399733968281751e+09,'failed');
INSERT INTO "yateota_runs" VALUES(6,5,'operator',NULL,'1','runner',32256,1.79571399744885802272e+09,1.79571399759237527852e+09,'window_closed');
INSERT INTO "yateota_runs" VALUES(7,6,'operator',NULL,'1','runner',32256,1.79571399772076892853e+09,1.79571399803197741511e+09,'applied');
INSERT INTO "yateota_runs" VALUES(8,7,'operator',NULL,'1','runner',32256,1.79571399815272951128e+09,1.7957139984399902821e+09,'applied');
INSERT INTO "yateota_runs" VALUES(9,7,'operator',NULL,'1','runner',32256,1.79571399851371335987e+09,1.79571399874936580651e+09,'applied');
INSERT INTO "yateota_runs" VALUES(10,8,'operator',NULL,'1','runner',32256,1.79571399889438819887e+09,1.79571399919863486285e+09,'applied');
INSERT INTO "yateota_runs" VALUES(11,9,'operator',NULL,'1','runner',32256,1.79571399934503269195e+09,1.7957139996801931858e+09,'applied');
INSERT INTO "yateota_runs" VALUES(12,9,'operator',NULL,'1','runner',32256,1.79571399981878447528e+09,1.79571400001670527461e+09,'verified');
INSERT INTO "yateota_runs" VALUES(13,10,'operator',NULL,'1','runner',32256,1.79571400016393399245e+09,1.79571400045444703099e+09,'applied');
INSERT INTO "yateota_runs" VALUES(14,10,'operator',NULL,'1','runner',32256,1.79571400062885856629e+09,1.79571400109651041032e+09,'purged');
CREATE TABLE yateota_waves (
	change INTEGER NOT NULL, 
	wave INTEGER NOT NULL, 
	started DOUBLE NOT NULL, 
	finished DOUBLE, 
	PRIMARY KEY (change, wave), 
	FOREIGN KEY(change) REFERENCES yateota_changes (number)
);
INSERT INTO "yateota_waves" VALUES(2,1,1.79571399632965230937e+09,1.79571399638174843786e+09);
INSERT INTO "yateota_waves" VALUES(2,2,1.7957139964088010788e+09,1.79571399645322680475e+09);
INSERT INTO "yateota_waves" VALUES(3,1,1.79571399698146319393e+09,NULL);
INSERT INTO "yateota_waves" VALUES(4,1,1.79571399726551723485e+09,NULL);
INSERT INTO "yateota_waves" VALUES(6,1,1.79571399787724065785e+09,1.79571399793323135379e+09);
INSERT INTO "yateota_waves" VALUES(7,1,1.79571399830165243146e+09,1.79571399835655784614e+09);
INSERT INTO "yateota_waves" VALUES(7,2,1.79571399866466641431e+09,1.79571399871448945991e+09);
INSERT INTO "yateota_waves" VALUES(8,1,1.7957139990696978569e+09,1.79571399915473604207e+09);
INSERT INTO "yateota_waves" VALUES(9,1,1795713999.54492,1.79571399964273333547e+09);
INSERT INTO "yateota_waves" VALUES(10,1,1.79571400035781192786e+09,1.79571400042567706108e+09);
CREATE INDEX ix_yateota_runs_change ON yateota_runs (change);
COMMIT;
