#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Relays over HTTPS come from nobody whom no authority vouches for, and go to
# nobody who does not know the cluster's secret.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;
use Stentor::Tier;

use File::Temp ();


need('ffmpeg', 'openssl');

my $PLAYLIST = '/live/studio1/audio.m3u8';
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my $ours = Stentor::Authority->new(dir => $dir);
my $other = Stentor::Authority->new(dir => $dir, name => 'other');
my ($pem, $key) = $ours->issue('localhost');


sub secret($name, $text) {
    Stentor::Node::spew("$dir/$name", "$text\n");
    return "relay_secret_file $dir/$name;";
}


my $SECRET = secret('secret', 'the secret of this cluster');
my $WRONG = secret('wrong', 'the secret of another one');

my $port = Stentor::Node::free_port();
my $origin = origin(
    cluster => $SECRET,
    http => "server { listen 127.0.0.1:$port ssl; server_name localhost;"
            . " ssl_certificate $pem; ssl_certificate_key $key;"
            . ' location /relay/ { stentor_relay; } }',
);
my $b = broadcaster($origin);


sub edge($host, $cluster) {
    return pulls_from(["https://$host:$port/relay/"], cluster => $cluster,
                      location => 'stentor_hls_pending time=1s;');
}


# --- as it should be

my $edge = edge('localhost', "relay_ca $ours->{pem}; $SECRET");
is($edge->get($PLAYLIST)->{status}, 200, 'with the right authority');
my $l = listener($edge);
ok($l->parts(10), 'parts come');
conforms('all of it', @{ $l->{violations} }, differs($edge, $origin));
$edge->done('TERM');

# --- and as it should not

my @WRONG = (
    ['another authority', 'localhost', "relay_ca $other->{pem}; $SECRET",
     qr/SSL peer certificate/],
    ['none of its own', 'localhost', $SECRET, qr/SSL peer certificate/],
    ['another name than it is called by', '127.0.0.1',
     "relay_ca $ours->{pem}; $SECRET", qr/SSL peer certificate/],
    ['another secret', 'localhost', "relay_ca $ours->{pem}; $WRONG",
     qr/this node is not let in \(403\)/],
    ['no secret', 'localhost', "relay_ca $ours->{pem};",
     qr/this node is not let in \(403\)/],
);

for my $case (@WRONG) {
    my ($what, $host, $cluster, $said) = @$case;

    my $at = length(Stentor::Node::slurp($origin->dir() . '/access.log'));
    my $edge = edge($host, $cluster);
    my $r = $edge->get($PLAYLIST);

    isnt($r->{status}, 200, "$what: there is nothing");
    like($edge->log(), qr{relay from "https://\S+" fails:.*$said}, 'and why');
    unlike($edge->log(), qr/the secret/, 'without telling');
    is($origin->status()->{relay}{sessions}, 0, 'no relay');

    my $asked = substr(Stentor::Node::slurp($origin->dir() . '/access.log'),
                       $at);
    unlike($asked, qr{/relay/.* 200 }, 'nothing came through');
    $edge->done('TERM');
}

$b->stop();
$origin->done('TERM');
done_testing();
