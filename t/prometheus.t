#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What an operator watches nodes with: promtool finds nothing wrong with the
# metrics and the alert rules, a real Prometheus scrapes a cluster, every
# expression of the dashboard has an answer from it, and alerts come for what
# they are for.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Encoder;
use Stentor::Kit;
use Stentor::Links;
use Stentor::Prometheus;

use JSON::PP;


need(qw(prometheus promtool ffmpeg redis-server cc));

my $top = $Stentor::Node::TOP;
my $rules = Stentor::Node::slurp($Stentor::Prometheus::RULES);
my $units = "$top/t/prometheus/alerts_test.yml";


sub promtool(@args) {
    my $said = `promtool @args 2>&1`;
    return ok($? == 0, "promtool @args[0, 1]") || diag($said);
}


# --- as files

promtool('check', 'rules', $Stentor::Prometheus::RULES);
promtool('check', 'config', "$top/docs/prometheus/prometheus.yml");
promtool('test', 'rules', $units);

my @alerts = $rules =~ /^ +- alert: (\w+)$/mg;
my $tested = Stentor::Node::slurp($units);
like($tested, qr/alertname: $_\n.*\n +exp_alerts:\n/, "$_ has a test")
    for @alerts;
is(scalar(my @runbooks = $rules =~ /^ +runbook: (\S+)$/mg), scalar(@alerts),
   'each alert has a runbook');

for my $runbook (@runbooks) {
    my ($path, $anchor) = split(/#/, $runbook);
    ok(scalar(grep { $_ eq $anchor }
              Stentor::Links::anchors("$top/$path")), "$runbook is there");
}

my $board = decode_json(Stentor::Node::slurp("$top/docs/grafana/stentor.json"));
my %panel;

for my $p (grep { $_->{targets} } @{ $board->{panels} }) {
    push(@{ $panel{ $p->{title} } }, map { $_->{expr} } @{ $p->{targets} });
}

my %known = map { $_ => 1 } Stentor::Node::slurp("$top/docs/status.md")
                            =~ /^\| `(stentor_\w+)` \|/mg;
my %used = map { $_ => 1 } map { /\b(stentor_\w+)\b/g }
               $rules =~ s/^ +runbook:.*\n//mgr, map { @$_ } values %panel;
is(join(' ', grep { !$known{$_} } sort keys %used), '',
   'dashboard and rules use metrics that there are');

# --- a cluster that is watched

my $file = File::Temp->new(SUFFIX => '.m4a');
system(qw(ffmpeg -nostdin -loglevel error -y -f lavfi -i sine=440:r=48000
          -t 90 -ac 2 -c:a aac), $file->filename()) == 0 or die "no $file\n";

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $c = Stentor::Cluster->new(part_duration => '200ms',
    expected => qr/\[error\].*Redis|"replay"\ is\ not\ there/x,
    node => { origin => {
        application => "stream studio1; replay $dir/later;",
        srt => ['latency=150ms'],
    } });
my ($origin, $edge) = ($c->origin(), $c->edge());
my %at = map { ($_->{id} => '127.0.0.1:' . $_->port_http()) } $origin, $edge;

my $b = broadcaster($origin);
my $srt = Stentor::Encoder->start(file => $file->filename(),
    url => $origin->srt_url(), format => 'mpegts',
    options => ['-srt_streamid', '#!::r=live/far,m=publish']);
my $crowd = Stentor::Crowd->new([ $edge->port_http() ], listeners => 6);
ok($crowd->hears(), 'there are listeners');

for my $node ($origin, $edge) {
    my $path = "$node->{dir}/metrics";
    Stentor::Node::spew($path, $node->get('/metrics')->{body});
    promtool('check', 'metrics', "< $path");
}

my $p = Stentor::Prometheus->new(targets => [ sort values %at ]);
ok($p->wait(sub { 2 == $p->query('up{job="stentor"} == 1') }),
   'Prometheus has scraped both nodes');
is($p->log(), '', 'and has nothing to say about it');


# An answer to an expression, as Grafana would ask for it.

sub answer($expr) {
    $expr =~ s/\$__rate_interval/10s/g;
    $expr =~ s/\$(?:node|stream)\b/.*/g;

    return scalar(() = $p->query($expr));
}


for my $title (sort keys %panel) {
    my @empty = @{ $panel{$title} };
    my $error = '';

    $p->wait(sub {
        @empty = eval { grep { !answer($_) } @empty };
        $error = $@;
        return $error || !@empty;
    });

    is(join("\n", $error || @empty), '', "the panel \"$title\" has figures");
}

for my $v (grep { $_->{type} eq 'query' } @{ $board->{templating}{list} }) {
    my ($match, $label) = $v->{definition} =~ /^label_values\((.+), (\w+)\)$/;
    $match =~ s/\$node/.*/;

    my $values = $p->api("label/$label/values", 'match[]' => $match);
    cmp_ok(scalar(@$values), '>=', 2, "the variable \"$v->{name}\" has values");
}

my ($n) = $p->query('sum(stentor_stream_listeners{stream="live/studio1"})');
is($n->{value}, 6, 'it counts who listens');
# of what the session has in all; a rate is too small till its window is full
my $ratio = 'rate(stentor_stream_session_bytes_total'
            . '{stream="live/studio1"}[5s])'
            . ' / (stentor_stream_session_bytes_total / (time() -'
            . ' stentor_stream_session_start_timestamp_seconds))';
ok($p->wait(sub {
    ($n) = $p->query($ratio);
    return $n && abs($n->{value} - 1) < 0.3;
}), 'and at what rate the broadcaster sends') or diag(explain($n));

# --- alerts

my @loud = grep { $_->{severity} eq 'critical' } $p->firing();
is_deeply(\@loud, [], 'nothing critical while all is well');


# An alert fires with these labels, or does so no more.

sub fires($name, %labels) {
    return scalar(grep {
        my $a = $_;
        $a->{alertname} eq $name
            && !grep { ($a->{$_} // '') ne $labels{$_} } keys %labels;
    } $p->firing());
}


sub wait_alert($what, @alert) {
    return ok($p->wait(sub { fires(@alert) }), "$what: $alert[0]")
           || diag(explain([ $p->firing() ]));
}


wait_alert('a disk is not there', 'StentorReplayFailing',
           instance => $at{'origin-1'});
mkdir("$dir/later") or die "$dir: $!\n";
ok($p->wait(sub { !fires('StentorReplayFailing') }), 'it is over when it is');

$b->kill_it();
wait_alert('a broadcaster is killed', 'StentorSourceLost',
           stream => 'live/studio1', instance => $at{'origin-1'});
wait_alert('nobody is on the air', 'StentorNotLive',
           stream => 'live/studio1');
ok(!fires('StentorSourceLost', stream => 'live/far'),
   'another stream has not lost its source');

$b = broadcaster($origin);
ok($p->wait(sub { !fires('StentorSourceLost') }), 'it is over when he is back');

$c->redis()->kill_it();
wait_alert('Redis is killed', 'StentorRedisDown', instance => $_)
    for values %at;
ok(!fires('StentorPartsLate'), 'parts come all the same');

is($crowd->end()->{wrong}, 0, 'who listened heard what is right');
$edge->stop('TERM');
wait_alert('a node is stopped', 'StentorNodeDown', instance => $at{'edge-1'});
ok(!fires('StentorNodeDown', instance => $at{'origin-1'}), 'the other is not');

$p->stop();
$_->stop() for $b, $srt;
$c->redis()->restart();
$edge->start();
$c->done();
done_testing();
