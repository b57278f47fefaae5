#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# scripts/stream-key: what it signs and hashes is what the node verifies (the
# signature here is the one of t/unit/test_stn_keys.c), and what it prints can
# be pasted as it is.

use v5.36;

use Test::More;

use FindBin;

use Digest::MD5 qw(md5_base64);
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use File::Temp ();


my $TOOL = "$FindBin::Bin/../scripts/stream-key";
my $SECRET = '0123456789abcdef0123456789abcdef';
my $SIG = '5296a6dd3b2d682ddb237ebadd773682'
        . 'cd49192531e54a98572092869523759f';

my $dir = File::Temp->newdir();


# Writes a key file and returns its path.

sub key_file($name, $text) {
    open(my $f, '>:raw', "$dir/$name") or die "$dir/$name: $!\n";
    print $f $text;
    close($f);

    return "$dir/$name";
}


# Runs the tool with arguments that need no quoting but the shell's own.

sub tool(@arguments) {
    my $command = join(' ', map { "'$_'" } $TOOL, @arguments);
    my $out = `$command 2>$dir/errors </dev/null`;
    my $status = $? >> 8;

    open(my $f, '<', "$dir/errors") or die "$dir/errors: $!\n";
    local $/;
    my $errors = <$f> // '';

    return ($status, $out, $errors);
}


sub made(@arguments) {
    my ($status, $out, $errors) = tool(@arguments);

    is($status, 0, "@arguments: made") or diag($errors);
    is($errors, '', "@arguments: in peace");

    return $out;
}


sub refused($reason, @arguments) {
    my ($status, $out, $errors) = tool(@arguments);

    isnt($status, 0, "@arguments: refused");
    is($out, '', "@arguments: nothing printed");
    like($errors, $reason, "@arguments: says why");
}


# The values of a label, in the order they come in.

sub fields($out, $label) {
    return $out =~ /^  \Q$label\E: +(.*)$/mg;
}


# --- signed

my $keys = key_file('keys', "# keys\n\n  secret\t$SECRET  \r\n"
                          . "secret ffffffffeeeeeeeeddddddddcccccccc\n");

my $out = made('sign', 'live/studio1', '--secret-file', $keys,
               '--expires', '@1800000000',
               '--server', 'rtmps://radio.example.com');

my $query = "exp=1800000000&sig=$SIG";
my $id = "#!::r=live/studio1,m=publish,exp=1800000000,sig=$SIG";

like($out, qr/until 2027-01-15 08:00:00 UTC/, 'says how long it is good');
is_deeply([fields($out, 'Server')],
          ['rtmps://radio.example.com/live', 'srt://radio.example.com:9000'],
          'servers for OBS');
is_deeply([fields($out, 'Stream Key')], ["studio1?$query", $id],
          'stream keys for OBS');
is_deeply([fields($out, 'URL')],
          ["rtmps://radio.example.com/live/studio1?$query",
           'srt://radio.example.com:9000?streamid=' . $id =~ s/#/%23/r],
          'URLs for others');

$out = made('sign', 'live/a/b', '--secret-file', $keys, '--track', 2,
            '--server', 'rtmp://[::1]:1935/', '--srt', '[::1]:9001');

my ($exp, $sig) = $out =~ /^  Stream Key: a\/b\?exp=(\d+)&sig=(\w+)&track=2$/m;

is($sig, hmac_sha256_hex("live/a/b?exp=$exp", $SECRET),
   'deeper names are signed whole');
cmp_ok(abs($exp - time() - 12 * 3600), '<', 60, 'good for half a day');
like($out, qr{^  Server: +rtmp://\[::1\]:1935/live$}m, 'IPv6 for RTMP');
like($out, qr{^  Server: +srt://\[::1\]:9001$}m, 'IPv6 for SRT');
like($out, qr{^  Stream Key: #!::r=live/a/b,.*,track=2$}m, 'track for SRT');

for my $time (['30m', 1800], ['90s', 90], ['7d', 7 * 86400],
              ['8w', 56 * 86400])
{
    $out = made('sign', 'live/x', '--secret-file', $keys,
                '--expires', $time->[0]);
    ($exp) = $out =~ /exp=(\d+)/;
    cmp_ok(abs($exp - time() - $time->[1]), '<', 60, "$time->[0] from now");
}

refused(qr/APPLICATION\/NAME/, 'sign', 'studio1', '--secret-file', $keys);
refused(qr/APPLICATION\/NAME/, 'sign', 'live/*', '--secret-file', $keys);
refused(qr/APPLICATION\/NAME/, 'sign', '--secret-file', $keys);
refused(qr/--secret-file is needed/, 'sign', 'live/x');
refused(qr/No such file/, 'sign', 'live/x', '--secret-file', "$dir/none");
refused(qr/no line/, 'sign', 'live/x', '--secret-file',
        key_file('empty', "# secret $SECRET\nsecrets $SECRET\n"));
refused(qr/line 2: a secret of less/, 'sign', 'live/x', '--secret-file',
        key_file('short', "\nsecret 0123456789abcde\n"));
refused(qr/within 366 days/, 'sign', 'live/x', '--secret-file', $keys,
        '--expires', $_) for qw(367d 12 h 0h @0 1y), '@1800000000000';
refused(qr/without an application/, 'sign', 'live/x', '--secret-file', $keys,
        '--server', 'rtmp://radio.example.com/live');
refused(qr/from 1/, 'sign', 'live/x', '--secret-file', $keys,
        '--track', 0);


# --- static keys

for my $stream ('live/studio1', 'live/*', 'studio1', '*') {
    $out = made('static', $stream);

    my ($pattern, $salt, $hash) =
        $out =~ /^  key (\S+) ([0-9a-f]+):([0-9a-f]{64})$/m;
    my ($key) = $out =~ /\?key=(\w+)$/m;

    is($pattern, $stream, "$stream: the line for the file");
    cmp_ok(length($key), '>=', 32, "$stream: a long key");
    is($hash, sha256_hex($salt . $key), "$stream: its hash");
    is(() = $out =~ /\Q$key\E/g, 4, "$stream: the key in every form");
}

refused(qr/one STREAM/, 'static');
refused(qr/one STREAM/, 'static', 'live/', '--server', 'rtmp://x');
refused(qr/one STREAM/, 'static', 'live*');

isnt(made('static', 'x'), made('static', 'x'), 'no key twice');


# --- users

$out = made('user', 'joe', 'live/studio1', 'news/*');

my ($salt, $hash, $streams) =
    $out =~ /^  user joe ([0-9a-f]+):([A-Za-z0-9+\/]{22}==) (.*)$/m;
my ($password) = fields($out, 'Password');

is($streams, 'live/studio1 news/*', 'a user of some streams');
is($hash, md5_base64("joe$salt$password") . '==', 'his hash');
is((fields($out, 'Server'))[0], 'rtmps://SERVER/live?user=joe',
   'OBS names him');
like($out, qr{rtmps://joe:$password\@SERVER/live/studio1$}m, 'a URL of his');
like($out, qr{#!::r=live/studio1,m=publish,u=joe,s=$password$}m,
     'a stream id of his');

$out = `echo 'p\@ss, word' | $TOOL user ann\@x --password-stdin`;
($salt, $hash) = $out =~ /^  user ann\@x ([0-9a-f]+):(\S+)$/m;

is($hash, md5_base64("ann\@x${salt}p\@ss, word") . '==',
   'a password of his own');
like($out, qr{rtmps://ann%40x:p%40ss%2C%20word\@SERVER/}, 'encoded for RTMP');
like($out, qr{^  Stream Key: .*,s=p%40ss%2C%20word$}m, 'for SRT in OBS');
like($out, qr{streamid=%23!::.*,s=p%2540ss%252C%2520word$}m,
     'and for SRT in a URL');

refused(qr/NAME/, 'user');
refused(qr/NAME/, 'user', 'j&e');
refused(qr/NAME/, 'user', 'x' x 33);
refused(qr/no STREAM/, 'user', 'joe', 'live/');
refused(qr/password/, 'user', 'joe', '--password-stdin');


# --- the rest

$out = made('passphrase', 'live/studio1');
my ($passphrase) = fields($out, 'Password');

like($out, qr/^  passphrase live\/studio1 \Q$passphrase\E$/m, 'passphrase');
cmp_ok(length($passphrase), '<=', 79, 'short enough for libsrt');
cmp_ok(length($passphrase), '>=', 10, 'and long enough');

like(made('secret'), qr/^  secret [0-9a-f]{64}$/m, 'a secret');
refused(qr/no name/, 'secret', 'x');

like(made('--help'), qr/^Usage:/, 'help');
refused(qr/^Usage:/m);
refused(qr/^Usage:/m, 'make');
refused(qr/^Usage:/m, 'static', 'x', '--color');

done_testing();
