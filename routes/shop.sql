create table wallet (user_id integer primary key, points integer not null);
insert into wallet values (7, 310), (42, 1250), (99, 0);
