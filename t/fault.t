#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Calls that fail for want of memory, descriptors, threads, disk or a peer: one
# of each kind, in a node that does all it can (t/fault/inject has all of them,
# and takes an hour).  It starts or says why not; nobody who is not concerned
# notices, and afterwards everything is as it was.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Fault;
use Stentor::Kit;
use Stentor::Ordeal;

use File::Temp ();
use Time::HiRes qw(time);


plan(skip_all => 'a module of its own') if $ENV{STENTOR_ASAN};

need(qw(ffmpeg redis-server openssl), $Stentor::Fault::MODULE,
     $Stentor::Fault::PRELOAD);

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $ordeal = Stentor::Ordeal->new(dir => $dir);
my $table = Stentor::Fault->new("$dir/table");
my %work = map { $_->[0] => $_->[1] } @Stentor::Ordeal::WORK;

$SIG{PIPE} = 'IGNORE';


# The place in that function where that call is made, which somebody has come
# by.

sub place($function, $call) {
    my @points = $table->points();
    my ($i) = grep { $points[$_]{name} =~ / \Q$function $call\E$/ }
              0 .. $#points;
    return $i // die "nobody comes by $call() in $function()\n";
}


# A test: while that is done, that fails each time, and it is noticed or not
# noticed by who does it; then all is well.

sub fails($work, $function, $call, $notices) {
    my $i = place($function, $call);
    my $before = $table->point($i)->{failures};

    $table->arm($i, 1 << 40);
    my @odd = $work{$work}->($ordeal);
    $ordeal->{node}->wait_until(sub {
        return $table->point($i)->{failures} > $before;
    });
    $table->disarm();

    my $what = "$work, $call() in $function()";

    cmp_ok($table->point($i)->{failures}, '>', $before, "$what has failed");
    is(scalar(grep { /^LOST/ } @odd), 0, "$what: nothing is given away");
    is(@odd > 0 ? 1 : 0, $notices, "$what: "
       . ($notices ? 'who does it is told' : 'nobody notices'))
        or diag("@odd");

    my @wrong = $ordeal->aftermath($work);
    is(scalar(@wrong), 0, "$what: all is well then")
        or diag("@wrong\n" . $ordeal->{node}->log());
}


# --- while it runs

$ordeal->up($table);

for my $work (qw(listen join status rtmp ladder key pull replay redis)) {
    my @odd = $work{$work}->($ordeal);

    # a machine that has much to do may be too late for once
    @odd = $work{$work}->($ordeal) if @odd;
    is("@odd", '', "$work: without a fault");
}

fails('listen', 'ngx_http_stentor_hls_chain', 'ngx_palloc', 1);
fails('join', 'ngx_http_stentor_admit_refuse', 'ngx_pnalloc', 1);
fails('status', 'ngx_http_stentor_status_send', 'ngx_create_temp_buf', 1);
fails('rtmp', 'ngx_stentor_thread', 'pthread_create', 1);
fails('rtmp', 'ngx_stentor_claim_rings', 'ngx_slab_alloc_locked', 1);
fails('ladder', 'stn_ladder_live_reserve', 'malloc', 1);
fails('key', 'stn_digest_sha256', 'EVP_Digest', 1);
fails('pull', 'ngx_stentor_fetch_begin', 'curl_easy_init', 1);
fails('replay', 'ngx_stentor_replay_write', 'pwrite', 1);
fails('redis', 'ngx_stentor_redis_link_socket', 'connect', 1);

ok($ordeal->down(), 'it stops when asked');

# --- workers that cannot begin: others do

my $i = place('ngx_stentor_pulse_start', 'ngx_pcalloc');
my $t0 = time();

$table->disarm();
$table->arm($i, 6);
$ordeal->start($table);

my @said = $ordeal->{node}->log()
           =~ /\[error\].*worker cannot begin, another one tries/g;

is($table->point($i)->{failures}, 0 + @said, 'a worker says so');
is(scalar(@said), 6, 'each that cannot begin');
cmp_ok(time() - $t0, '>', 0.6, 'they are not started all at once');
is(join("\n", $ordeal->crashes()), '', 'none is given up by the master');
ok($ordeal->on_the_air(), 'and a broadcaster is let in');
$ordeal->kill_it();

# --- a configuration for which there is no memory

$table->arm(place('ngx_stentor_store_create', 'ngx_pcalloc'));

ok(!eval { $ordeal->start($table); 1 }, 'it does not start without memory');
like($@, qr/\[emerg\]/, 'and says so');
$ordeal->kill_it();

$ordeal->end();
done_testing();
