create table wallet (id integer primary key, name text not null, points integer not null);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)
insert into wallet select i, 'user ' || i, i * 10 from n;
create table result (name text primary key, value text not null);
insert into result values ('read_db', 'read_db');
