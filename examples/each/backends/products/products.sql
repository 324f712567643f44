create table products (id integer primary key, name text, cents integer);
insert into products values (1, 'lamp', 4900), (2, 'chair', 12900), (3, 'cup', 790);
create table asked (request text);
