#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The examples of docs/examples are configurations that nginx and Redis take:
# as they are, but for addresses, files and the user of another machine.  That
# they are a cluster together is for the tests of clusters, which run them.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Cluster;
use Stentor::Kit;

use File::Temp ();


my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %seen = map { $_ => 1 } Stentor::Example::names();

is_deeply([ sort keys %seen ], [qw(edge origin redis shield)],
          'a configuration of each role, and of Redis');

Stentor::Node::spew("$dir/redis", "change-me\n");
Stentor::Node::spew("$dir/relay", "0123456789abcdef\n");
Stentor::Node::spew("$dir/keys", "secret 0123456789abcdef\n");
chmod(0600, map { "$dir/$_" } qw(redis relay keys));
mkdir("$dir/logs");

my ($pem, $key) = Stentor::Authority->new(dir => $dir)->issue('edge-1');
my ($pem_file, $key_file) = map { "$dir/edge.$_" } qw(pem key);
my $tls_port = Stentor::Node::free_port();
rename($pem, $pem_file) && rename($key, $key_file) || die;


# What nginx -t says to a text: (its exit status, the text).

sub nginx_says($text) {
    my $node = Stentor::Node->prepare(dir => "$dir/node");
    my @temp = map { "${_}_temp_path $dir/logs;" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my %port = map { $_ => Stentor::Node::free_port() } qw(http https rtmp);
    my $srt = Stentor::Node::free_port('udp');

    $text =~ s/\b0\.0\.0\.0:9000\b/127.0.0.1:$srt/;
    $text = Stentor::Example::edit($text,
        load_module => [ split(/\n/, $node->conf_main()) ],
        user => [], pid => ["pid $dir/nginx.pid;"],
        error_log => ["error_log $dir/error.log;"], 'http/+' => \@temp);
    $text =~ s/^( *listen) (?:[\d.]+:)?80(80)?\b/$1 127.0.0.1:$port{http}/m;
    $text =~ s/^( *listen) 443\b/$1 127.0.0.1:$port{https}/m;
    $text =~ s/^( *listen) 1935\b/$1 127.0.0.1:$port{rtmp}/m;

    Stentor::Node::spew("$dir/nginx.conf", $text);

    local %ENV = (%ENV, $node->environment());
    my $said = `$node->{nginx} -t -p $dir -e $dir/error.log \\
                -c $dir/nginx.conf 2>&1`;

    return ($?, $said);
}


for my $role (qw(origin shield edge)) {
    my $text = Stentor::Example::text($role);
    my ($rc, $said) = nginx_says(Stentor::Example::local($text, $dir));

    is($rc, 0, "$role.conf: nginx takes it") or diag($said);
    unlike($said, qr/\[warn\]/, "$role.conf: without a warning");
    like($text, qr/^ *role $role;$/m, "$role.conf: its role");

    # what is wrong is seen: this test can fail
    ($rc, $said) = nginx_says(
        Stentor::Example::local($text =~ s/role $role/rule $role/r, $dir));
    isnt($rc, 0, "$role.conf: not if a directive is wrong");
}


# --- beside what else Debian's nginx serves

# What Debian's nginx.conf has, and both files where it includes them.

sub debian(%edit) {
    my %text = map { $_ => Stentor::Example::text("debian/$_") }
               qw(stentor site);

    $text{$_} = $edit{$_}->($text{$_}) for keys %edit;

    return Stentor::Example::local(<<"END", $dir);
load_module none;
user www-data;
pid none;
error_log none;
$text{stentor}
events {
}

http {
$text{site}
}
END
}


my ($rc, $said) = nginx_says(debian());
is($rc, 0, 'debian: nginx takes both') or diag($said);
unlike($said, qr/\[warn\]/, 'debian: without a warning');

for my $wrong ([ stentor => 'stentor_rtmp' ], [ site => 'stentor_hls' ]) {
    my ($file, $directive) = @$wrong;

    ($rc, $said) = nginx_says(debian(
        $file => sub ($text) { $text =~ s/\b$directive;/${directive}s;/r }));
    isnt($rc, 0, "debian/$file.conf: not if a directive is wrong");
    like($said, qr/unknown directive "${directive}s"/, 'and it is that one');
}


# --- what docs/operations.md has an operator put into them

# Its blocks of lines that have such a line, without their indentation.

sub block($line) {
    my $text = Stentor::Node::slurp("$Stentor::Node::TOP/docs/operations.md");
    my ($block) = grep { /^ {4}$line/m }
                  $text =~ /((?:^(?: {4}.*)?\n)+)/mg;
    return $block // die "docs/operations.md has no $line\n";
}

my $cert = block('listen 1936 ssl;') =~ s{/etc/\S*/fullchain.pem}{$pem_file}r
                                     =~ s{/etc/\S*/privkey.pem}{$key_file}r
                                     =~ s/ 1936/ $tls_port/r;

($rc, $said) = nginx_says(debian(
    site => sub ($text) {
        $text =~ s/^server \{\n/join('', block('limit_req_zone'), $&,
                                      block('limit_conn '))/mer;
    },
    stentor => sub ($text) {
        block('worker_rlimit_nofile') . $text =~ s/^ +listen 1935;\n/$&$cert/mr;
    }) =~ s/events \{\n/$& . block('worker_connections')/er);
is($rc, 0, 'docs/operations.md: nginx takes it') or diag($said);
unlike($said, qr/\[warn\]/, 'without a warning');


# --- what is edited has to be there

my $text = "one 1;\nblock a {\n    two 2;\n}\n";
is(Stentor::Example::edit($text, one => 'one 2;', 'block a/two' => [],
                          'block a/+' => ['three 3;']),
   "one 2;\nblock a {\n    three 3;\n}\n", 'an example is edited');
eval { Stentor::Example::edit($text, 'block a/one' => []) };
like($@, qr{nowhere in the example: block a/one}, 'but not elsewhere');


# --- Redis

SKIP: {
    Stentor::Node::has(Stentor::Node::which('redis-server'), 'redis-server')
        or skip('needs redis-server', 1);

    my @lines = grep { !/^(?:bind|port|user default)\b/ }
                split(/\n/, Stentor::Example::text('redis'));
    my $redis = Stentor::Redis->new(options => \@lines);

    sub may($redis, @command) {
        return $redis->ask('ACL', 'DRYRUN', 'stentor', @command) eq 'OK';
    }

    is($redis->info('maxmemory_policy'), 'noeviction', 'redis.conf is taken');
    ok(may($redis, GET => 'stentor:lease:live/a'), 'nodes may use their keys');
    ok(!may($redis, GET => 'other'), 'and no others');
    ok(may($redis, SUBSCRIBE => 'stentor:events'), 'their channels');
    ok(!may($redis, SUBSCRIBE => 'other'), 'and no others');
    ok(!may($redis, @$_), "not: @$_")
        for [qw(FLUSHALL)], [qw(KEYS *)], [qw(CONFIG GET *)],
            [qw(SCRIPT FLUSH)], [qw(CLIENT LIST)], [qw(ACL LIST)];

    $redis->remove();
}


# --- the documentation of rights, and what is in the example

my ($told, $given) = map { [ sort /\s([+~&][a-z|:*]+)/g ] }
    Stentor::Node::slurp("$Stentor::Node::TOP/docs/cluster.md")
        =~ /^(    user stentor on .*?\n\n)/ms,
    Stentor::Example::text('redis') =~ /^(user stentor on .*)/m;

cmp_ok(scalar(@$given), '>', 15, 'rights are found');
is_deeply($told, $given, 'docs/cluster.md has the same');

done_testing();
